import { type Clock, type Logger, messageOf } from '@offramp/runtime';
import { readFrom, type StoredGoals } from '../decide/model/group-inputs.js';
import type { EvidenceRegister } from '../ingest/evidence/evidence-register.js';
import type { ControlView } from './control-view.js';
import type { GroupDriver } from './group-driver.js';

export interface LeaderLoopOptions {
  view: Pick<ControlView, 'tuned' | 'noteState'>;
  driver: Pick<GroupDriver, 'advance' | 'stateOf' | 'forgetStates'>;
  evidence: Pick<EvidenceRegister, 'samplesSince'>;
  clock: Clock;
  logger: Logger;
  /** Interval of decisions. */
  everyMs: number;
  leading(): boolean;
  streamCreated(): string;
}

/** Number of new samples that make a group due; fewer do after this wait. */
const enoughSamples = 100;
const patienceMs = 10_000;
/** Maximum share of the time for decisions; the rest is for reports and requests. */
const busyShare = 0.5;
/** Groups decided concurrently, because each waits for NATS. */
const groupsAtOnce = 8;

/** While this controller leads, advances the groups with new evidence or changes. */
export class LeaderLoop {
  private stopped = false;
  private cancelTimer: () => void = () => undefined;
  private round: Promise<void> = Promise.resolve();
  private readonly advancedAtMs = new Map<string, number>();
  private readonly policyRevisions = new Map<string, number>();
  /** Groups with a failed step, which is retried. */
  private readonly failed = new Map<string, string>();

  constructor(private readonly options: LeaderLoopOptions) {}

  start(): void {
    this.schedule(0);
  }

  /** Drops everything known about groups, which may be outdated because another controller has led. */
  reset(): void {
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
      const mayContinue = () => !this.stopped && leading() && clock.now() - startedMs <= everyMs * busyShare;
      const takeNext = async () => {
        while (mayContinue()) {
          const next = due.shift();
          if (!next) return;
          await this.advance(next.goals, next.policyRevision);
        }
      };
      await Promise.all(Array.from({ length: groupsAtOnce }, takeNext));
    }
    this.schedule(Math.max(everyMs * (1 - busyShare), everyMs - (clock.now() - startedMs)));
  }

  /** Due groups, the longest waiting first. */
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
      // Logged as a warning once, not in every round.
      const level = this.failed.get(group) === problem ? 'debug' : 'warn';
      logger[level]({ group, error: problem }, 'cannot decide for a group; retrying');
      this.failed.set(group, problem);
    }
  }
}
