import { binStarts, canaryPlace, EvidenceCounts, leaves } from '@offramp/contracts';
import { advanceGroup } from '../advance-group.js';
import { ThresholdPath } from '../candidates/threshold-path.js';
import type { DeviceAnswers, EvidencePart, NewEvidence } from '../model/evidence.js';
import type { ControlMode } from '../model/fleet-control.js';
import type { Goal } from '../model/goals.js';
import type { GoalsChange } from '../model/goals-schema.js';
import type { GroupInputs, TunableBundle } from '../model/group-inputs.js';
import { type GroupState, modeOf, newGroupState } from '../model/group-state.js';
import type { PolicyContent } from '../model/policy-view.js';
import { seededRandom } from './seeded-random.js';
import { calm, drawBinnedTable, drawSample, facts, type Traffic } from './simulated-group.js';

export const digest = 'ab'.repeat(32);

export const bundle: TunableBundle = {
  digest,
  thresholds: [0.9, 0.9],
  path: new ThresholdPath(2, binStarts.slice(1)),
  table: drawBinnedTable(1, 5_000),
  costs: facts.cost,
};

/** The thresholds that a device follows, by the rules of `Policy` in fleet.proto. */
export function followed(policy: PolicyContent | null, group: string, device: string) {
  const own = { version: 0, thresholds: bundle.thresholds, auditRate: 0, latencyTargetMs: null };
  if (!policy) return own;
  const { version, latencyTargetMs } = policy;
  const exception = policy.exceptions.find((other) => other.device === device);
  if (exception) {
    const { thresholds, auditRate } = exception;
    return { version, thresholds, auditRate, latencyTargetMs };
  }
  if (policy.canary && canaryPlace(group, version, device) >= policy.canary.below) {
    const { stable } = policy.canary;
    return stable.version === 0 ? own : stable;
  }
  return policy;
}

/** A group of devices and the controller that advances it, without NATS. */
export class SimulatedFleet {
  readonly group = 'cameras';
  state: GroupState = newGroupState('test');
  policy: PolicyContent | null = null;
  revision = 0;
  history: PolicyContent[] = [];
  goals: Goal[] = [];
  mode: ControlMode = 'auto';
  goalsRevision = 0;
  private changes: GoalsChange[] = [];
  samples = 0;
  bundle: TunableBundle | null = bundle;
  /** Devices that report; others are offline. */
  devices: string[];
  trafficOf: (device: string) => Traffic = () => calm;
  /** Share of samples that get degraded answers, by a device's thresholds. */
  degradedShare: (thresholds: readonly number[]) => number = () => 0;
  /** Duration of a device's answers from the cloud, in milliseconds; other answers take 1. */
  cloudMsOf: (device: string) => number = () => 1;
  workerUtilisation: number | null = null;
  lookForDeviating = true;
  private sequence = 0;
  private readonly random: () => number;
  private readonly answered = new Map<string, DeviceAnswers[]>();
  private readonly confidences = new Map<string, { recent: number[]; window: number[] }>();

  constructor(devices: number, seed = 1) {
    this.random = seededRandom(seed);
    this.devices = Array.from({ length: devices }, (_, i) => `cam-${i}`);
  }

  want(goals: Goal[]): void {
    this.goals = goals;
    this.noteChange('goals');
  }

  set(mode: ControlMode): void {
    this.mode = mode;
    this.noteChange('mode');
  }

  private noteChange(what: GoalsChange['what']): void {
    const { goals, mode } = this;
    this.changes.push({
      ...{ what, goals, mode, author: 'ada', reason: '' },
      ...{ afterRevision: this.goalsRevision++, afterPolicy: this.policy?.version ?? 0 },
      requestId: '',
    });
  }

  /** Sets thresholds from before the first goal. */
  startAt(thresholds: number[]): void {
    this.setByHand({
      ...{ group: this.group, version: 1, thresholds, bundleDigest: null, author: 'bob', reason: '' },
      ...{ auditRate: 0, maxAuditBytesPerHour: 1_000, latencyTargetMs: null, canary: null, exceptions: [] },
    });
  }

  /** An operator's policy. */
  setByHand(policy: PolicyContent): void {
    this.policy = policy;
    this.history.push(policy);
    this.revision++;
  }

  /** Devices answer samples, and the controller makes a step. */
  play(samplesPerDevice = 25): GroupState {
    return this.advance(this.devices.map((device) => this.observe(device, samplesPerDevice)));
  }

  advance(parts: EvidencePart[], changes: Partial<GroupInputs> = {}): GroupState {
    this.samples += parts.reduce((sum, { counts }) => sum + counts.samples, 0);
    this.state = advanceGroup(this.state, { ...this.inputs(parts), ...changes });
    const { intent } = this.state;
    if (intent?.policy) {
      this.policy = intent.policy;
      this.history.push(intent.policy);
      this.revision++;
    }
    return this.state;
  }

  inputs(parts: EvidencePart[]): GroupInputs {
    this.sequence += parts.length;
    const evidence: NewEvidence = { parts, upTo: this.sequence, storedUpToMs: 1_000 * this.sequence };
    return {
      group: this.group,
      goals: {
        ...{ group: this.group, goals: this.goals, mode: this.mode, changes: this.changes },
        ...{ revision: this.goalsRevision, author: 'ada', reason: '', setAt: null },
      },
      newest: {
        policy: this.policy ? { ...this.policy, setAt: new Date(0), requestId: '' } : null,
        version: this.policy?.version ?? 0,
        revision: this.revision,
      },
      history: this.history.map((policy) => ({ ...policy, setAt: new Date(0), requestId: '' })),
      streamCreated: 'once',
      evidence,
      devices: this.devices.map((device) => ({
        ...{ device, online: true, bundleDigest: digest, deviceStages: 1, samples: 25 },
      })),
      bundleDigest: this.bundle?.digest ?? null,
      bundle: this.bundle,
      confidences: (span) =>
        [...this.confidences].map(([device, histograms]) => ({ device, histogram: histograms[span] })),
      answers: (devices) => devices.flatMap((device) => this.answered.get(device) ?? []),
      lookForDeviating: this.lookForDeviating,
      workerUtilisation: this.workerUtilisation,
      stageSeconds: [null, 0.01, 0.01],
      canary: { share: 0.25, samples: 100 },
      author: 'controller',
    };
  }

  observe(device: string, samples: number): EvidencePart {
    const { version, thresholds, auditRate, latencyTargetMs } = followed(this.policy, this.group, device);
    const counts = new EvidenceCounts(2, { maxRecords: 10_000 });
    const traffic = this.trafficOf(device);
    for (let i = 0; i < samples; i++) {
      const row = drawSample(this.random, traffic);
      const at = row.findIndex(({ confidence }, branch) => leaves(confidence, thresholds[branch] as number));
      const exit = at < 0 ? 2 : at;
      const degraded = exit > 0 && this.random() < this.degradedShare(thresholds);
      const latencyMs = exit > 0 ? this.cloudMsOf(device) : 1;
      const passed = row
        .slice(0, exit)
        .map(({ confidence }, branch) => ({ exit: branch, label: 0, confidence }));
      const confidence = row[degraded ? 0 : exit]?.confidence ?? 1;
      counts.countSample({
        ...{ passed, exit: degraded ? 0 : exit, confidence, degraded, offloaded: exit > 0, latencyMs },
        late: latencyTargetMs === null ? null : latencyMs > latencyTargetMs,
      });
      if (!degraded && this.random() < auditRate) counts.countAudit({ exits: row, leftAt: exit });
    }
    this.remember(device, counts.firstConfidences(), samples);
    const { degraded, late } = counts;
    const answers = { policyVersion: version, samples, degraded, late: late ?? [] };
    this.answered.set(device, [...(this.answered.get(device) ?? []), answers]);
    return { device, bundleDigest: digest, policyVersion: version, counts };
  }

  kinds(): string[] {
    return this.state.intent?.events.map(({ kind }) => kind) ?? [];
  }

  get effectiveMode(): ControlMode {
    return modeOf(this.state);
  }

  private remember(device: string, added: readonly number[], samples: number): void {
    const before = this.confidences.get(device) ?? { recent: [], window: [] };
    const faded = (counts: readonly number[], halfLife: number) =>
      added.map((count, bin) => (counts[bin] ?? 0) * 0.5 ** (samples / halfLife) + count);
    this.confidences.set(device, { recent: faded(before.recent, 40), window: faded(before.window, 1_000) });
  }
}
