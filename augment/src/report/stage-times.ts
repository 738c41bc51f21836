/** Time of one sample through the stages up to each exit, measured on one thread. */
export interface ExitTimes {
  /** Samples per run. */
  batchSize: number;
  repetitions: number;
  /** CPU milliseconds per sample by exit, the final one last; median over repetitions. */
  cpuMs: number[];
  /** The same in wall time. */
  wallMs: number[];
  /** `cpuMs` over that of the whole chain of stages. */
  costs: number[];
}

/** The times of one repetition, per stage, for the whole batch. */
export interface StageTimes {
  cpuMs: number[];
  wallMs: number[];
}

/** Summarises interleaved repetitions, each a run of the whole chain of stages. */
export function summariseStageTimes(repetitions: readonly StageTimes[], batchSize: number): ExitTimes {
  const perSample = (pick: (times: StageTimes) => number[]) => {
    const sums = repetitions.map((times) => runningSums(pick(times)).map((sum) => sum / batchSize));
    const exits = sums[0]?.length ?? 0;
    return Array.from({ length: exits }, (_, exit) => median(sums.map((sum) => sum[exit] as number)));
  };
  const cpuMs = perSample((times) => times.cpuMs);
  const whole = cpuMs.at(-1) as number;
  return {
    batchSize,
    repetitions: repetitions.length,
    cpuMs,
    wallMs: perSample((times) => times.wallMs),
    costs: cpuMs.map((ms) => ms / whole),
  };
}

function runningSums(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => {
    sum += value;
    return sum;
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
