import { canaryPlace, defaultMaxAuditBytesPerHour } from '@offramp/shared';
import { percentText as percent } from '../percent-text.js';
import type { PlainPolicy, PolicyContent } from '../policy/policy-view.js';
import { goalInWords } from '../tuner/explain.js';
import type { ExitFacts, Goal } from '../tuner/goals.js';
import { sameThresholds } from '../tuner/threshold-path.js';
import { type Drift, type TuningDecision, tune } from '../tuner/tune.js';
import { newTunerState, type TunerState } from '../tuner/tuner-state.js';
import { newApartDevice, reassignDevices, suspects, withoutLatestWindows } from './apart-devices.js';
import { addToCanary, canaryBelow, newCanary, nextShare, type Side, sideOf } from './canary.js';
import { addDegradedAnswers } from './degraded-answers.js';
import { exitFacts } from './exit-facts.js';
import { degradedInWords, explainGroup } from './explain-group.js';
import type { ControlMode, FleetEventKind } from './fleet-control.js';
import type { GroupInputs, TunableBundle } from './group-inputs.js';
import {
  type ApartDevice,
  type GroupState,
  learnPolicy,
  type NewEvent,
  samplesPerSecond,
  tunerOf,
  withTuner,
} from './group-state.js';
import { addLateAnswers } from './late-answers.js';
import { type Order, orderOf, thresholdsInWords as shown } from './order.js';
import { answeredIn, type PolicyWindow, policyWindows, samplesUnknown } from './policy-windows.js';
import { contentOf, nothingOf, receiveOrders } from './receive-orders.js';

/** The pace of samples is that of about so long. */
const paceMs = 60_000;
/** Before so many samples nobody says whether goals are met. */
const leastSamplesToJudge = 200;
/** So many times what canaries should have answered by now, the others have: those chosen must be away. */
const stalledFactor = 10;

/**
 * The next state of a group: what people want of it is received, evidence is added, and thresholds are decided upon. The
 * result's `intent` says what is to be done about it. Holds no clock and does no I/O; of the same state and inputs, whoever
 * decides comes to the same.
 */
export function advanceGroup(before: GroupState, inputs: GroupInputs): GroupState {
  const received = receiveOrders(before, inputs);
  const counted = countEvidence({ ...received.state, intent: null }, inputs);
  const advance = new GroupAdvance(counted, inputs, received.events);
  advance.tellOfDegraded(before.degraded.many);
  advance.run();
  const { state } = advance;
  const explanation = explainGroup(state, inputs.group, advance.unknown);
  return {
    ...state,
    number: before.number + 1,
    explanation,
    intent:
      advance.policy || advance.events.length > 0
        ? {
            policy: advance.policy,
            previousRevision: inputs.newest.revision,
            // What was decided by evidence is told with its reasons.
            events: advance.events.map((event) => (event.facts ? { ...event, explanation } : event)),
          }
        : null,
  };
}

/** Who sets the thresholds of a group now. */
export function modeOf({ mode, pinnedBy }: Pick<GroupState, 'mode' | 'pinnedBy'>): ControlMode {
  return mode === 'auto' && pinnedBy ? 'pinned' : mode;
}

function countEvidence(state: GroupState, { evidence, streamCreated }: GroupInputs): GroupState {
  const samples = answeredIn(evidence.parts);
  const storedUpToMs = Math.max(state.storedUpToMs, evidence.storedUpToMs);
  const elapsedMs = state.storedUpToMs === 0 ? 0 : storedUpToMs - state.storedUpToMs;
  const fade = 0.5 ** (elapsedMs / paceMs);
  return {
    ...state,
    ...{ upTo: evidence.upTo, streamCreated, storedUpToMs, samples: state.samples + samples },
    degraded: addDegradedAnswers(state.degraded, evidence.parts),
    pace:
      elapsedMs > 0
        ? { samples: state.pace.samples * fade + samples, ms: state.pace.ms * fade + elapsedMs }
        : state.pace,
  };
}

/** One step of a group. Pure, for all that it changes is its own. */
class GroupAdvance {
  policy: PolicyContent | null = null;
  unknown: string[] = [];
  private readonly goals: readonly Goal[];
  private knownFacts: ExitFacts | null = null;

  constructor(
    public state: GroupState,
    private readonly inputs: GroupInputs,
    readonly events: NewEvent[],
  ) {
    this.goals = state.goals;
  }

  run(): void {
    const { bundle } = this.inputs;
    const mode = modeOf(this.state);
    if (this.state.canary && (mode !== 'auto' || this.goals.length === 0)) this.endCanary(mode);
    this.state = { ...this.state, problem: this.problemOf() };
    if (!bundle?.thresholds.length || this.goals.length === 0) {
      this.state = { ...this.state, bundleDigest: bundle?.digest ?? null, decision: null };
      return;
    }
    if (bundle.digest !== this.state.bundleDigest) this.startBundle(bundle);
    const { samplesUnknown: before, known } = this.state;
    const unknown = before + samplesUnknown(this.inputs.evidence.parts, bundle, known);
    this.state = { ...this.state, samplesUnknown: unknown };
    const leaving = this.reassign(bundle);
    const decision = this.tuneGroup(bundle, leaving);
    const urgent = this.tuneApart(bundle);
    if (mode === 'auto') this.follow(bundle, decision, leaving || urgent);
    this.judgeGoals(decision, bundle);
  }

  tellOfDegraded(before: boolean): void {
    const { many } = this.state.degraded;
    if (many === before) return;
    const text = degradedInWords(this.state);
    if (many) this.say('degraded', { severity: 'warning', text });
    else this.say('degraded-over', { text: `Answers come from the cloud again. ${text}` });
  }

  private problemOf(): string | null {
    const { bundle, bundleDigest, devices } = this.inputs;
    if (this.goals.length === 0) return 'No goal is set.';
    if (devices.length === 0 || !bundleDigest) return 'No device has reported yet.';
    if (bundle?.thresholds.length === 0)
      return 'The bundle has no branches, so there are no thresholds to set.';
    if (bundle) return null;
    return `The calibration table of bundle ${bundleDigest.slice(0, 12)} is not known: start the controller with --bundle, or give it with \`offramp fleet bundle add\`.`;
  }

  private startBundle(bundle: TunableBundle): void {
    // Devices that are on the way to the bundle keep what they have, and say so.
    this.state = {
      ...this.state,
      bundleDigest: bundle.digest,
      canary: null,
      bar: null,
      apart: [],
      late: null,
    };
  }

  /** What devices follow that follow no canary: the policy, or what their bundle says. */
  private stable(bundle: TunableBundle): { thresholds: readonly number[]; auditRate: number } {
    const { policy } = this.state;
    const followed = policy?.canary?.stable ?? policy;
    const own = { thresholds: bundle.thresholds, auditRate: 0 };
    if (!followed || followed.version === 0) return own;
    if ((followed.bundleDigest ?? bundle.digest) !== bundle.digest) return own;
    return followed.thresholds.length === bundle.thresholds.length ? followed : own;
  }

  private current(bundle: TunableBundle): { thresholds: readonly number[]; auditRate: number } {
    const { policy, canary } = this.state;
    return canary && policy ? policy : this.stable(bundle);
  }

  /** @returns whether devices have become exceptions, which their group should be told at once */
  private reassign(bundle: TunableBundle): boolean {
    const { inputs } = this;
    if (!inputs.lookForDeviating) return false;
    const { leaving, rejoining, distances } = reassignDevices(
      this.state.apart,
      inputs,
      bundle.thresholds.length,
    );
    this.state = {
      ...this.state,
      apart: this.state.apart.map((device) => ({
        ...device,
        distance: distances.get(device.device) ?? device.distance,
      })),
    };
    // What a policy says of a number stands; who rejoins waits until a new one can be given out.
    if (!this.state.canary && modeOf(this.state) === 'auto') {
      for (const device of rejoining) this.rejoin(device);
    }
    for (const deviation of leaving) this.leave(deviation, bundle);
    return leaving.length > 0;
  }

  private leave(deviation: { device: string; distance: number }, bundle: TunableBundle): void {
    this.state = {
      ...this.state,
      apart: [...this.state.apart, newApartDevice(deviation, bundle.path)],
    };
    this.say('device-deviates', {
      severity: 'warning',
      device: deviation.device,
      text: `Device ${deviation.device} sees something else than its group: ${percent(deviation.distance)} of its first exit's confidences lie elsewhere. It gets thresholds of its own.`,
    });
  }

  private rejoin(device: string): void {
    this.state = { ...this.state, apart: this.state.apart.filter((other) => other.device !== device) };
    this.say('device-rejoined', { device, text: `Device ${device} sees what its group sees again.` });
  }

  private windowsOf(bundle: TunableBundle, device: string): PolicyWindow[] {
    const apart = new Set(this.state.apart.map((other) => other.device));
    const parts = this.inputs.evidence.parts.filter((part) =>
      device === '' ? !apart.has(part.device) : part.device === device,
    );
    return policyWindows(parts, bundle, this.state.known, device);
  }

  /** Alike for all that is tuned in one step. */
  private facts(bundle: TunableBundle): ExitFacts {
    this.knownFacts ??= this.findFacts(bundle);
    return this.knownFacts;
  }

  private findFacts(bundle: TunableBundle): ExitFacts {
    const onDevices = this.inputs.devices
      .filter(({ bundleDigest }) => bundleDigest === bundle.digest)
      .map(({ deviceStages, samples }) => ({ stages: deviceStages, weight: samples + 1 }));
    const { facts, unknown } = exitFacts(
      {
        ...{ costs: bundle.costs, onDevices, stageSeconds: this.inputs.stageSeconds, late: this.state.late },
        samplesPerSecond: samplesPerSecond(this.state),
      },
      this.goals,
    );
    this.unknown = unknown;
    return facts;
  }

  private tuneWith(
    bundle: TunableBundle,
    tuner: TunerState,
    policy: { thresholds: readonly number[]; auditRate: number },
    windows: readonly PolicyWindow[],
  ): { state: TunerState; decision: TuningDecision } {
    return tune(
      {
        ...{ path: bundle.path, table: bundle.table, goals: this.goals, facts: this.facts(bundle), policy },
        workerUtilisation: this.inputs.workerUtilisation,
      },
      tuner,
      windows,
    );
  }

  private tuneGroup(bundle: TunableBundle, left: boolean): TuningDecision {
    const before = tunerOf(this.state, bundle.digest);
    const policy = this.current(bundle);
    let windows = this.windowsOf(bundle, '');
    this.noteLate(windows);
    let tuned = this.tuneWith(bundle, before, policy, windows);
    if (tuned.decision.drift && !left) {
      const kept = { state: this.state, events: [...this.events] };
      for (const deviation of suspects(this.state.apart, this.inputs, bundle.thresholds.length)) {
        this.leave(deviation, bundle);
      }
      if (this.state.apart.length > kept.state.apart.length) {
        const without = this.windowsOf(bundle, '');
        let again = this.tuneWith(bundle, before, policy, without);
        if (again.decision.drift?.kind === 'confidence') {
          // They have been in the windows before as well.
          const cleared = withoutLatestWindows(before, again.decision.drift.samples);
          again = this.tuneWith(bundle, cleared, policy, without);
        }
        if (again.decision.drift) {
          // It is not them.
          this.state = kept.state;
          this.events.splice(0, this.events.length, ...kept.events);
        } else {
          [windows, tuned] = [without, again];
        }
      }
    }
    const { decision } = tuned;
    this.watchCanary(windows);
    const { changed, ...keptDecision } = decision;
    // Whether thresholds change is for what follows to say: until then, samples go on adding up.
    const answered = tuned.state.samples - (decision.drift ? 0 : before.samples);
    const samplesSinceChange = decision.drift
      ? tuned.state.samplesSinceChange
      : before.samplesSinceChange + Math.max(0, answered);
    this.state = {
      ...this.state,
      tuners: withTuner(this.state, bundle.digest, { ...tuned.state, samplesSinceChange }),
      decision: keptDecision,
      bar: decision.drift ? null : this.state.bar,
    };
    if (decision.drift) {
      this.say('drift', {
        severity: 'warning',
        text: driftInWords(decision.drift),
        facts: decision.facts,
      });
    }
    return decision;
  }

  private noteLate(windows: readonly PolicyWindow[]): void {
    const target = this.latencyTargetMs;
    const counted = windows.filter(({ latencyTargetMs }) => latencyTargetMs === target);
    const late = target === null ? null : addLateAnswers(this.state.late, target, counted);
    this.state = { ...this.state, late };
  }

  private get latencyTargetMs(): number | null {
    return this.goals.find((goal) => goal.kind === 'latency')?.targetMs ?? null;
  }

  private watchCanary(windows: readonly PolicyWindow[]): void {
    const { canary } = this.state;
    if (!canary) return;
    const tried = windows.filter(({ policyVersion }) => policyVersion === canary.version);
    const others = windows.filter(({ policyVersion }) => policyVersion !== canary.version);
    this.state = { ...this.state, canary: addToCanary(canary, tried, others, this.latencyTargetMs) };
  }

  /** @returns whether a device's thresholds must go up, which does not wait for a canary */
  private tuneApart(bundle: TunableBundle): boolean {
    if (this.state.apart.length === 0) return false;
    let urgent = false;
    const apart = this.state.apart.map((device): ApartDevice => {
      const windows = this.windowsOf(bundle, device.device);
      if (windows.length === 0 && device.tuner.samples > 0) return device;
      const { state, decision } = this.tuneWith(bundle, device.tuner, device, windows);
      const lowers = bundle.path.positionOf(decision.thresholds) > bundle.path.positionOf(device.thresholds);
      const { policy } = this.state;
      const told = policy?.exceptions.find((other) => other.device === device.device);
      const mayChange = modeOf(this.state) === 'auto' && (!lowers || !this.state.canary);
      if (!mayChange) {
        const answered = state.samples - device.tuner.samples;
        const samplesSinceChange = device.tuner.samplesSinceChange + Math.max(0, answered);
        return { ...device, tuner: { ...state, samplesSinceChange } };
      }
      if (!lowers && !(told && sameThresholds(told.thresholds, decision.thresholds))) urgent = true;
      return {
        ...device,
        ...{ thresholds: decision.thresholds, auditRate: decision.auditRate, tuner: state },
      };
    });
    this.state = { ...this.state, apart };
    return urgent;
  }

  /** Has devices get what was decided. @param urgent whether exceptions are to be told at once */
  private follow(bundle: TunableBundle, decision: TuningDecision, urgent: boolean): void {
    const { order, bar } = orderOf({
      ...{ state: this.state, bundle, decision, latencyTargetMs: this.latencyTargetMs },
      ...{ current: this.current(bundle).thresholds, stable: this.stable(bundle).thresholds },
      canaryShare: this.inputs.canary.share,
      online: this.inputs.devices.filter(({ online }) => online).length,
    });
    this.state = { ...this.state, bar };
    if (order) this.give(bundle, order, decision);
    else if (this.state.canary) this.widen();
    if (this.policy) return;
    const { policy, canary } = this.state;
    const stale =
      policy === null
        ? decision.changed || this.latencyTargetMs !== null
        : policy.latencyTargetMs !== this.latencyTargetMs || (!canary && this.exceptionsChanged(policy));
    const rateMoved = !canary && decision.auditRate !== this.current(bundle).auditRate;
    if (!urgent && !stale && !rateMoved) return;
    this.give(
      bundle,
      {
        kind: canary ? 'canary' : 'policy',
        thresholds: this.current(bundle).thresholds,
        auditRate: decision.auditRate,
        canaryShare: canary?.share ?? null,
        text: canary
          ? `Thresholds ${shown(this.current(bundle).thresholds)} go on being tried, by other devices.`
          : `Thresholds stay; ${percent(decision.auditRate)} of samples are chosen for audits.`,
      },
      decision,
    );
  }

  private exceptionsChanged(policy: PolicyContent): boolean {
    const { apart } = this.state;
    if (apart.length !== policy.exceptions.length) return true;
    return apart.some((device) => {
      const told = policy.exceptions.find((other) => other.device === device.device);
      return (
        !told ||
        !sameThresholds(told.thresholds, device.thresholds) ||
        Math.fround(told.auditRate) !== Math.fround(device.auditRate)
      );
    });
  }

  /** More devices try a policy, or all have it: the same one, with another canary in it. */
  private widen(): void {
    const { canary, policy } = this.state;
    if (!canary || !policy?.canary) return;
    const share = nextShare(canary, this.inputs.canary) ?? canary.share;
    const online = this.inputs.devices.filter((device) => device.online).map(({ device }) => device);
    const below = share === 1 ? null : canaryBelow(this.inputs.group, canary.version, online, share);
    if (below === null) {
      // Where all but one device have gone, there is nothing to compare either.
      this.put({ ...policy, canary: null });
      this.state = { ...this.state, canary: null };
      this.say('promoted', {
        ...{ policyVersion: policy.version, thresholds: policy.thresholds },
        text: `Everybody gets policy ${policy.version}: ${Math.round(canary.tried.samples)} samples spoke for it.`,
      });
      return;
    }
    const stalled =
      canary.samplesAtShare === 0 &&
      canary.others.samples > (stalledFactor * this.inputs.canary.samples) / canary.share;
    if (share === canary.share && !(stalled && below > canary.below)) return;
    const widened = Math.max(below, canary.below);
    this.put({ ...policy, canary: { ...policy.canary, below: widened } });
    const before = this.answersBefore(canary.version, widened);
    this.state = { ...this.state, canary: { ...canary, share, below: widened, before, samplesAtShare: 0 } };
    this.say('widened', {
      ...{ policyVersion: policy.version, thresholds: policy.thresholds },
      text: `Policy ${policy.version} is tried by ${percent(share)} of devices.`,
    });
  }

  private give(bundle: TunableBundle, order: Order, decision: TuningDecision): void {
    const version = this.inputs.newest.version + 1;
    const { group, devices, author } = this.inputs;
    const stable = this.stablePolicy();
    const online = devices.filter((device) => device.online).map(({ device }) => device);
    const below = order.canaryShare === null ? null : canaryBelow(group, version, online, order.canaryShare);
    const share = order.canaryShare;
    const moved = !sameThresholds(order.thresholds, this.current(bundle).thresholds);
    this.put({
      ...{ group, version, thresholds: [...order.thresholds], bundleDigest: bundle.digest, author },
      ...{ reason: order.text, auditRate: order.auditRate, latencyTargetMs: this.latencyTargetMs },
      maxAuditBytesPerHour: this.state.policy?.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
      canary: below === null ? null : { below, stable },
      exceptions: this.state.apart.map(({ device, thresholds, auditRate }) => ({
        device,
        thresholds,
        auditRate,
      })),
    });
    const tuner = this.state.tuners[bundle.digest] ?? newTunerState(true);
    this.state = {
      ...this.state,
      canary:
        below === null || share === null
          ? null
          : newCanary({ version, share, below, stable }, this.answersBefore(version, below)),
      tuners: withTuner(this.state, bundle.digest, moved ? { ...tuner, samplesSinceChange: 0 } : tuner),
    };
    this.say(below === null && order.kind === 'canary' ? 'policy' : order.kind, {
      ...{ policyVersion: version, thresholds: [...order.thresholds], text: order.text },
      ...{ severity: order.severity ?? 'info', facts: decision.facts },
    });
  }

  /** What devices did lately that are to try a policy, before they do. */
  private answersBefore(version: number, below: number): Side {
    const { apart, known } = this.state;
    const { group, devices, answers } = this.inputs;
    const names = devices
      .map(({ device }) => device)
      .filter(
        (name) => canaryPlace(group, version, name) < below && !apart.some(({ device }) => device === name),
      );
    const targets = new Map(known.map((policy) => [policy.version, policy.latencyTargetMs]));
    return sideOf(
      answers(names)
        .filter(({ policyVersion }) => policyVersion !== version)
        .map((of) => ({ ...of, latencyTargetMs: targets.get(of.policyVersion) ?? null })),
      this.latencyTargetMs,
    );
  }

  /** The policy of those that are in no canary. */
  private stablePolicy(): PlainPolicy {
    const { policy } = this.state;
    const { canary, exceptions, ...plain } = policy?.canary
      ? { ...policy.canary.stable, canary: null, exceptions: [] }
      : (policy ?? noPolicy(this.inputs.group));
    return plain;
  }

  /** Has those who try a policy go back to what the others follow. */
  private endCanary(mode: ControlMode): void {
    const { canary, policy } = this.state;
    if (!canary || !policy) return;
    const stable = this.stablePolicy();
    const version = this.inputs.newest.version + 1;
    // Without a policy before it, there are only the bundle's thresholds to go back to.
    const thresholds =
      stable.version === 0 ? (this.inputs.bundle?.thresholds ?? policy.thresholds) : stable.thresholds;
    const why = mode === 'auto' ? 'there is no goal any more' : `thresholds are ${mode}`;
    const text = `Policy ${canary.version} is taken back: ${why}.`;
    this.put({
      ...stable,
      ...{ version, thresholds: [...thresholds], author: this.inputs.author, reason: text },
      ...{ canary: null, exceptions: policy.exceptions },
    });
    this.state = { ...this.state, canary: null };
    this.say('rolled-back', { policyVersion: version, thresholds: [...thresholds], text });
  }

  private put(policy: PolicyContent): void {
    this.policy = contentOf(policy);
    this.state = { ...this.state, policy: this.policy, known: learnPolicy(this.state.known, this.policy) };
  }

  private judgeGoals(decision: TuningDecision, bundle: TunableBundle): void {
    const { samples } = this.state.tuners[bundle.digest] ?? newTunerState(true);
    const underWay = decision.reason === 'over-ceiling' && decision.position !== decision.target;
    // What has just been given is not what was seen.
    if (samples < leastSamplesToJudge || underWay || this.state.canary || this.policy) return;
    const unmet = unmetInWords(decision.choice.unmet);
    const met = unmet.length === 0;
    if (met === this.state.met) return;
    this.state = { ...this.state, met };
    const words = this.goals.map(goalInWords).join('; ');
    this.say(met ? 'goal-met' : 'goal-unmet', {
      severity: met ? 'info' : 'warning',
      text: met ? `The goal is met: ${words}.` : `Not met: ${unmet.join('; ')}.`,
      facts: decision.facts,
    });
  }

  private say(kind: FleetEventKind, event: Partial<NewEvent> & { text: string }): void {
    const { group, author } = this.inputs;
    this.events.push({ ...nothingOf(group), severity: 'info', author, ...event, kind });
  }
}

/** Goals that are not met, in words. */
export function unmetInWords(unmet: TuningDecision['choice']['unmet']): string[] {
  return unmet.map(goalInWords);
}

function driftInWords(drift: Drift): string {
  const count = (value: number) => Math.round(value).toLocaleString('en');
  return drift.kind === 'confidence'
    ? `Confidences have moved: of the last ${count(drift.samples)} samples, ${percent(drift.distance)} lie elsewhere than before.`
    : `Of about ${count(drift.audited)} audits among the last ${count(drift.samples)} samples, ${count(drift.disagreed)} disagreed with the whole model.`;
}

function noPolicy(group: string): PolicyContent {
  return {
    ...{ group, version: 0, thresholds: [], bundleDigest: null, author: '', reason: '', auditRate: 0 },
    ...{ maxAuditBytesPerHour: defaultMaxAuditBytesPerHour, latencyTargetMs: null },
    ...{ canary: null, exceptions: [] },
  };
}
