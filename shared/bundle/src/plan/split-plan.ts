/** The network between device and worker. */
export interface Link {
  /** Each way. */
  bytesPerSecond: number;
  rttMs: number;
}

/** What the latency of a cascade that is split between device and cloud follows from. Per stage, in order. */
export interface PlanInput {
  /** Share of samples that leave at each exit, the final one last; they sum to 1. */
  exitShares: readonly number[];
  /** Milliseconds of one sample. */
  deviceStageMs: readonly number[];
  cloudStageMs: readonly number[];
  /** Multiply-accumulates, branch included, over the whole backbone's. */
  stageCosts: readonly number[];
  /** On the wire, for a sample that the device sends before this stage as its activation: of stage 0 that is the input. */
  requestBytes: readonly number[];
  /** The same as the input: the later a device stops, the harder pictures it sends. */
  inputRequestBytes: readonly number[];
  answerBytes: number;
  /** Whether a device may send the input instead of an activation that is larger; the worker then starts over. */
  sendInput: boolean;
  link: Link;
}

/** What to expect of a device that runs the first stages and sends what has not left by then. */
export interface SplitPlan {
  deviceStages: number;
  /** Whether samples that are sent are sent as their input. */
  sendsInput: boolean;
  meanMs: number;
  p50Ms: number;
  p95Ms: number;
  /** Share of samples that are sent. */
  offloadShare: number;
  /** Per sample that is sent; 0 where none can be. */
  offloadBytes: number;
  /** Per sample, sent or not. */
  meanBytes: number;
  /** Multiply-accumulates on the worker per sample, over the whole backbone's. */
  cloudCost: number;
  /** Milliseconds of the device's time per sample. */
  deviceMs: number;
  /** What one device can keep up with: one inference thread, and the link. */
  maxSamplesPerSecond: number;
}

/**
 * Expected latency, bytes and cloud cost for every number of stages on the device, from none (the input is sent) to
 * all. A sample that leaves on the device takes its stages there; another one takes all of the device's stages,
 * its way over the link, the round trip, and the worker's stages up to its exit. Queues are left out: samples come one at a
 * time. Pure.
 */
export function planSplits(input: PlanInput): SplitPlan[] {
  return Array.from({ length: input.deviceStageMs.length + 1 }, (_, deviceStages) =>
    planSplit(input, deviceStages),
  );
}

/** Within this share of the fastest, another plan that needs less of the cloud is better. */
const closeEnough = 0.05;

/**
 * The plan with the lowest mean latency; of those within 5 % of it the one with the least cloud cost.
 * @param plans at least one
 */
export function recommendSplit(plans: readonly SplitPlan[]): SplitPlan {
  const fastest = Math.min(...plans.map(({ meanMs }) => meanMs));
  return plans
    .filter(({ meanMs }) => meanMs <= fastest * (1 + closeEnough))
    .reduce((best, plan) => (plan.cloudCost < best.cloudCost ? plan : best));
}

function planSplit(input: PlanInput, deviceStages: number): SplitPlan {
  const { exitShares, deviceStageMs, cloudStageMs, stageCosts, answerBytes, link } = input;
  const activationBytes = input.requestBytes[deviceStages] ?? 0;
  const inputBytes =
    (input.sendInput ? input.inputRequestBytes[deviceStages] : undefined) ?? Number.POSITIVE_INFINITY;
  const requestBytes = Math.min(activationBytes, inputBytes);
  const sendsInput = deviceStages === 0 || inputBytes < activationBytes;
  const firstInCloud = sendsInput ? 0 : deviceStages;
  const transferMs = (bytes: number) => (bytes / link.bytesPerSecond) * 1_000;
  const roundTripMs = transferMs(requestBytes) + link.rttMs + transferMs(answerBytes);
  const exits = exitShares.map((share, exit) => {
    const onDevice = Math.min(exit + 1, deviceStages);
    const sent = exit >= deviceStages;
    const deviceMs = sum(deviceStageMs.slice(0, onDevice));
    const cloudMs = sent ? roundTripMs + sum(cloudStageMs.slice(firstInCloud, exit + 1)) : 0;
    const cloudCost = sent ? sum(stageCosts.slice(firstInCloud, exit + 1)) : 0;
    return { share, sent, deviceMs, latencyMs: deviceMs + cloudMs, cloudCost };
  });
  const mean = (of: (exit: (typeof exits)[number]) => number) =>
    exits.reduce((total, exit) => total + exit.share * of(exit), 0);
  const offloadShare = mean(({ sent }) => (sent ? 1 : 0));
  const deviceMs = mean((exit) => exit.deviceMs);
  const meanBytes = offloadShare * requestBytes;
  return {
    deviceStages,
    sendsInput,
    meanMs: mean(({ latencyMs }) => latencyMs),
    p50Ms: quantile(exits, 0.5),
    p95Ms: quantile(exits, 0.95),
    offloadShare,
    offloadBytes: requestBytes,
    meanBytes,
    cloudCost: mean((exit) => exit.cloudCost),
    deviceMs,
    maxSamplesPerSecond: 1_000 / Math.max(deviceMs, transferMs(meanBytes), Number.MIN_VALUE),
  };
}

/** The smallest latency that at least this share of samples does not exceed. */
function quantile(exits: readonly { share: number; latencyMs: number }[], q: number): number {
  const sorted = [...exits].sort((a, b) => a.latencyMs - b.latencyMs);
  let reached = 0;
  for (const { share, latencyMs } of sorted) {
    reached += share;
    // Shares are sums of fractions: half may come out as a little less.
    if (reached >= q - 1e-9) return latencyMs;
  }
  return sorted.at(-1)?.latencyMs ?? Number.NaN;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
