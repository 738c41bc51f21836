import { randomUUID } from 'node:crypto';
import type { Clock, Logger } from '@offramp/runtime';
import { advanceGroup } from '../decide/advance-group.js';
import {
  type GroupDevice,
  mostUsedBundle,
  readFrom,
  type StoredGoals,
} from '../decide/model/group-inputs.js';
import { type GroupState, newGroupState } from '../decide/model/group-state.js';
import { samePolicy } from '../decide/model/policy-view.js';
import type { CanaryOptions } from '../decide/rollout/canary.js';
import type { EvidenceRegister } from '../ingest/evidence/evidence-register.js';
import type { FleetRegister } from '../ingest/register/fleet-register.js';
import type { WorkerRegister } from '../ingest/register/worker-register.js';
import type { BundleTables } from '../store/bundle-tables.js';
import type { ControlStore } from '../store/control-store.js';
import type { EventLog } from '../store/event-log.js';
import type { PolicyStore } from '../store/policy-store.js';

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
  /** The deciding controller, for the history. */
  instance: string;
  /** When the telemetry stream was created. */
  streamCreated(): string;
}

/** A group's state as this controller knows it. */
interface Driven {
  state: GroupState | null;
  revision: number;
  /** Whether its intent is known to have been carried out. */
  done: boolean;
}

/** Minimum time between searches for deviating devices; longer in large groups. */
const leastDeviationMs = 5_000;
const deviationMsPerDevice = 10;

/**
 * Advances groups by one step each. A step is committed by compare-and-set of the group's state. Its intent is carried out
 * afterwards, by this leader or the next one; carrying it out again changes nothing.
 */
export class GroupDriver {
  private readonly driven = new Map<string, Driven>();
  private readonly lookedAtMs = new Map<string, number>();
  /** When the workers' utilisation was last taken into account, by group. */
  private readonly weighedAtMs = new Map<string, number>();

  constructor(private readonly options: GroupDriverOptions) {}

  /** Drops known states, which may be outdated because other controllers have led. */
  forgetStates(): void {
    this.driven.clear();
  }

  /** @returns the group's state, if this controller has stored or read it as the leader */
  stateOf(group: string): GroupState | null {
    return this.driven.get(group)?.state ?? null;
  }

  /**
   * @returns whether it made a step; `false` if another controller did in the meantime
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
    // The state is unknown until the outcome of the write is known.
    this.driven.delete(group);
    const revision = await store.putState(group, state, before.revision);
    if (revision === null) {
      logger.info({ group }, 'another controller has decided for the group; reading again');
      return false;
    }
    const after = { state, revision, done: state.intent === null };
    this.driven.set(group, after);
    this.options.evidence.forget(group, state.upTo);
    this.options.evidence.keepSeparate(group, new Set(state.outliers.map(({ device }) => device)));
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
        overtaken ? 'another policy was set in the meantime' : 'policy stored',
      );
    }
    // Events of a policy that was not stored are not published.
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
      workerUtilisation: this.newUtilisation(group, nowMs),
      stageSeconds: bundleDigest === null ? [] : workers.stageSeconds(bundleDigest),
    };
  }

  private newUtilisation(group: string, nowMs: number): number | null {
    const sinceMs = this.weighedAtMs.get(group) ?? Number.NEGATIVE_INFINITY;
    const utilisation = this.options.workers.utilisationSince(sinceMs, nowMs);
    if (utilisation !== null) this.weighedAtMs.set(group, nowMs);
    return utilisation;
  }

  private mayLook(group: string, devices: number, nowMs: number): boolean {
    const everyMs = Math.max(leastDeviationMs, deviationMsPerDevice * devices);
    if (nowMs - (this.lookedAtMs.get(group) ?? Number.NEGATIVE_INFINITY) < everyMs) return false;
    this.lookedAtMs.set(group, nowMs);
    return true;
  }
}

/** Whether a step changed nothing, so that nothing needs to be stored. */
function isAsBefore(state: GroupState, before: GroupState): boolean {
  const said = (of: GroupState) =>
    JSON.stringify({ ...of, number: 0, intent: null, upTo: 0, storedUpToMs: 0 });
  return state.intent === null && said(state) === said(before);
}

function devicesOf(register: FleetRegister, group: string, nowMs: number): GroupDevice[] {
  return Array.from(register.presence(group, nowMs), ({ device, online, state, latest }) => ({
    device,
    online,
    bundleDigest: state.bundleDigest,
    deviceStages: state.deviceStages,
    samples: latest.samples,
  }));
}
