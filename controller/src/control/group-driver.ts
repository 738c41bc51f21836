import { randomUUID } from 'node:crypto';
import type { Clock, Logger } from '@offramp/shared';
import type { EvidenceRegister } from '../evidence/evidence-register.js';
import type { PolicyStore } from '../policy/policy-store.js';
import type { FleetRegister } from '../register/fleet-register.js';
import type { WorkerRegister } from '../register/worker-register.js';
import { advanceGroup } from './advance-group.js';
import type { BundleTables } from './bundle-tables.js';
import type { CanaryOptions } from './canary.js';
import type { ControlStore, StoredGoals } from './control-store.js';
import type { EventLog } from './event-log.js';
import { type GroupDevice, mostUsedBundle, readFrom } from './group-inputs.js';
import { type GroupState, newGroupState } from './group-state.js';
import { samePolicy } from './receive-orders.js';

export interface GroupDriverOptions {
  store: ControlStore;
  policies: PolicyStore;
  events: EventLog;
  bundles: BundleTables;
  register: FleetRegister;
  evidence: EvidenceRegister;
  workers: WorkerRegister;
  clock: Clock;
  logger: Logger;
  canary: CanaryOptions;
  /** Who decides, for the history. */
  instance: string;
  /** When the telemetry stream that evidence is of was made. */
  streamCreated(): string;
}

/** How a group stands as far as this controller knows. */
interface Driven {
  state: GroupState | null;
  revision: number;
  /** Whether everything that it says is to be done, is known to have been done. */
  done: boolean;
}

/** Devices are looked at for deviating ones no more often than this, and less often where there are many. */
const leastDeviationMs = 5_000;
const deviationMsPerDevice = 10;

/**
 * Takes one group after the other a step further. The one point at which a step becomes true is compare and set of the
 * group's state; what it says is to be done is done afterwards, by whoever comes to it, and leaves the same behind
 * however often it is done.
 */
export class GroupDriver {
  private readonly driven = new Map<string, Driven>();
  private readonly lookedAtMs = new Map<string, number>();

  constructor(private readonly options: GroupDriverOptions) {}

  /** What is known of states may be old: other controllers have led. */
  forgetStates(): void {
    this.driven.clear();
  }

  /** @returns the group's state if this controller has just kept it, or read it as the one that leads */
  stateOf(group: string): GroupState | null {
    return this.driven.get(group)?.state ?? null;
  }

  /**
   * @returns whether it went further; not where another controller did in the meantime
   * @throws OfframpError `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`, `BUNDLE_CORRUPT`, `BUNDLE_INVALID`
   */
  async advance(goals: StoredGoals): Promise<boolean> {
    const { group } = goals;
    const { store, logger } = this.options;
    const before = this.driven.get(group) ?? (await this.read(group));
    if (!before.done) await this.carryOut(group, before);
    const from = before.state ?? newGroupState(randomUUID());
    const inputs = await this.inputsOf(goals, from);
    const state = advanceGroup(from, inputs);
    const nothingNew = inputs.evidence.parts.length === 0 && !before.state?.intent;
    if (before.state && nothingNew && isAsBefore(state, before.state)) return true;
    // Until it is known what became of it, nothing is known.
    this.driven.delete(group);
    const revision = await store.putState(group, state, before.revision);
    if (revision === null) {
      logger.info({ group }, 'another controller has decided for the group; reading again');
      return false;
    }
    const after = { state, revision, done: state.intent === null };
    this.driven.set(group, after);
    this.options.evidence.forget(group, state.upTo);
    this.options.evidence.keepApart(group, new Set(state.apart.map(({ device }) => device)));
    if (state.intent) await this.carryOut(group, after);
    return true;
  }

  private async read(group: string): Promise<Driven> {
    const { stored, revision } = await this.options.store.state(group);
    const driven = { state: stored?.state ?? null, revision, done: !stored?.state.intent };
    this.driven.set(group, driven);
    return driven;
  }

  private async carryOut(group: string, driven: Driven): Promise<void> {
    const { policies, events, logger } = this.options;
    const { state } = driven;
    if (!state?.intent) return;
    const { policy, previousRevision, events: said } = state.intent;
    let overtaken = false;
    if (policy) {
      const { outcome, version } = await policies.put(policy, previousRevision);
      overtaken = outcome === 'version-taken' || outcome === 'moved';
      const { thresholds, auditRate, canary } = policy;
      logger.info(
        { group, outcome, version, policy: policy.version, thresholds, auditRate, canary: canary !== null },
        overtaken ? 'somebody else has set a policy in the meantime' : 'policy put',
      );
    }
    // What never was is not told.
    const told = overtaken ? said.filter(({ policyVersion }) => policyVersion !== policy?.version) : said;
    await events.publish(group, `${group}/${state.epoch}/${state.number}`, told);
    driven.done = true;
  }

  private async inputsOf(goals: StoredGoals, state: GroupState) {
    const { policies, bundles, register, evidence, workers, clock, canary, instance } = this.options;
    const { group } = goals;
    const nowMs = clock.now();
    const newest = await policies.newest(group);
    const asDecided =
      newest.policy === null
        ? state.policy === null
        : state.policy && samePolicy(newest.policy, state.policy);
    const devices = devicesOf(register, group, nowMs);
    const bundleDigest = mostUsedBundle(devices) ?? state.bundleDigest;
    const bundle = bundleDigest === null ? null : await bundles.get(bundleDigest, nowMs);
    const names = devices.map(({ device }) => device);
    const streamCreated = this.options.streamCreated();
    return {
      ...{ group, goals, newest, devices, bundleDigest, canary, streamCreated, author: instance },
      history: asDecided ? [] : await policies.history(group),
      evidence: evidence.since(group, readFrom(state, streamCreated)),
      bundle,
      confidences: (span: 'recent' | 'window') =>
        bundleDigest === null ? [] : evidence.firstConfidences(group, names, bundleDigest, span),
      answers: (of: readonly string[]) =>
        bundleDigest === null ? [] : evidence.answers(group, of, bundleDigest),
      lookForDeviating: this.mayLook(group, devices.length, nowMs),
      workerUtilisation: workers.utilisation(nowMs),
      stageSeconds: bundleDigest === null ? [] : workers.stageSeconds(bundleDigest),
    };
  }

  private mayLook(group: string, devices: number, nowMs: number): boolean {
    const everyMs = Math.max(leastDeviationMs, deviationMsPerDevice * devices);
    if (nowMs - (this.lookedAtMs.get(group) ?? Number.NEGATIVE_INFINITY) < everyMs) return false;
    this.lookedAtMs.set(group, nowMs);
    return true;
  }
}

/** Whether nothing has come of a step, so that there is nothing to keep. */
function isAsBefore(state: GroupState, before: GroupState): boolean {
  const said = (of: GroupState) =>
    JSON.stringify({ ...of, number: 0, intent: null, upTo: 0, storedUpToMs: 0 });
  return state.intent === null && said(state) === said(before);
}

function devicesOf(register: FleetRegister, group: string, nowMs: number): GroupDevice[] {
  return Array.from(register.presence(group, nowMs), ({ device, online, state, latest }) => ({
    ...{ device, online, bundleDigest: state.bundleDigest, deviceStages: state.deviceStages },
    samples: latest.samples,
  }));
}
