import { type Clock, type Logger, messageOf } from '@offramp/shared';
import type { EvidenceRegister } from '../evidence/evidence-register.js';
import type { StoredGoals } from './control-store.js';
import type { ControlView } from './control-view.js';
import type { GroupDriver } from './group-driver.js';
import { readFrom } from './group-inputs.js';

export interface LeaderLoopOptions {
  view: Pick<ControlView, 'tuned' | 'noteState'>;
  driver: Pick<GroupDriver, 'advance' | 'stateOf' | 'forgetStates'>;
  evidence: Pick<EvidenceRegister, 'samplesSince'>;
  clock: Clock;
  logger: Logger;
  /** How often groups are looked at. */
  everyMs: number;
  leading(): boolean;
  streamCreated(): string;
}

/** So many new samples are worth a look; fewer, after they have waited for so long. */
const enoughSamples = 100;
const patienceMs = 10_000;
/** Share of the time that goes into deciding, at most: the rest is for reports and requests. */
const busyShare = 0.5;
/** While NATS takes its time with one group, others are decided upon. */
const groupsAtOnce = 8;

/** While this controller leads: has those groups go further of which there is something new. */
export class LeaderLoop {
  private stopped = false;
  private cancelTimer: () => void = () => undefined;
  private round: Promise<void> = Promise.resolve();
  private readonly advancedAtMs = new Map<string, number>();
  private readonly policyRevisions = new Map<string, number>();
  /** Groups of which something could not be done, so that it is tried again. */
  private readonly failed = new Map<string, string>();

  constructor(private readonly options: LeaderLoopOptions) {}

  start(): void {
    this.schedule(0);
  }

  /** Another leads, or did: whatever was known of groups may be old. */
  startAnew(): void {
    this.options.driver.forgetStates();
    this.advancedAtMs.clear();
    this.policyRevisions.clear();
    this.failed.clear();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    await this.round;
  }

  private schedule(delayMs: number): void {
    this.cancelTimer();
    if (this.stopped) return;
    this.cancelTimer = this.options.clock.after(delayMs, () => {
      this.round = this.look();
    });
  }

  private async look(): Promise<void> {
    const { clock, everyMs, leading } = this.options;
    const startedMs = clock.now();
    if (leading()) {
      const due = this.dueGroups(startedMs);
      const mayGoOn = () => !this.stopped && leading() && clock.now() - startedMs <= everyMs * busyShare;
      const takeNext = async () => {
        while (mayGoOn()) {
          const next = due.shift();
          if (!next) return;
          await this.advance(next.goals, next.policyRevision);
        }
      };
      await Promise.all(Array.from({ length: groupsAtOnce }, takeNext));
    }
    this.schedule(Math.max(everyMs * (1 - busyShare), everyMs - (clock.now() - startedMs)));
  }

  /** Those that have waited longest first. */
  private dueGroups(nowMs: number): { goals: StoredGoals; policyRevision: number }[] {
    const { view, evidence, streamCreated } = this.options;
    const due: { goals: StoredGoals; policyRevision: number; atMs: number }[] = [];
    for (const { group, goals, seen } of view.tuned()) {
      const atMs = this.advancedAtMs.get(group) ?? Number.NEGATIVE_INFINITY;
      const { policyRevision } = seen;
      const ordered =
        goals.revision !== seen.goalsRevision ||
        this.failed.has(group) ||
        (seen.pendingIntent && atMs === Number.NEGATIVE_INFINITY);
      const isDue = () => {
        if (goals.goals.length === 0) return false;
        if (policyRevision !== this.policyRevisions.get(group)) return true;
        if (seen.waitsForBundle) return true;
        const samples = evidence.samplesSince(group, readFrom(seen, streamCreated()));
        return samples >= enoughSamples || (samples > 0 && nowMs - atMs >= patienceMs);
      };
      if (ordered || isDue()) due.push({ goals, policyRevision, atMs });
    }
    return due.sort((a, b) => a.atMs - b.atMs);
  }

  private async advance(goals: StoredGoals, policyRevision: number): Promise<void> {
    const { driver, clock, logger, view } = this.options;
    const { group } = goals;
    try {
      const went = await driver.advance(goals);
      const state = driver.stateOf(group);
      if (state) view.noteState(group, state);
      this.advancedAtMs.set(group, clock.now());
      this.policyRevisions.set(group, policyRevision);
      if (went) this.failed.delete(group);
      else this.failed.set(group, 'another controller has decided');
    } catch (error) {
      const problem = messageOf(error);
      // Once, not every two seconds for as long as it lasts.
      const level = this.failed.get(group) === problem ? 'debug' : 'warn';
      logger[level]({ group, error: problem }, 'cannot decide for a group; trying again');
      this.failed.set(group, problem);
    }
  }
}
