import { oldestEncodings } from '@offramp/bundle';
import type { RefusalMessage, ResumeResponse } from '@offramp/contracts';
import { Backoff, type Clock, type Logger, LogOnce } from '@offramp/runtime';
import { AuditQueue, type OffloadAudit, type OffloadAuditOutcome } from './audit-queue.js';
import { type AnswerScope, checkAnswer } from './check-answer.js';
import {
  type FallbackReason,
  type LinkState,
  newLinkCounters,
  type OffloadLinkOptions,
  type OffloadOutcome,
  type Pending,
} from './link-types.js';
import type { OffloadSample } from './offload-sample.js';
import type { OffloadStream, OffloadTransport } from './transport.js';
import { pauseOf, refusedWith } from './worker-refusal.js';

const noEncodings: ReadonlySet<number> = new Set();

/**
 * The device's side of the `Resume` stream. Keeps one stream open, and gives every sample exactly one outcome within its
 * timeout.
 *
 * At most `maxInFlight` samples are on the stream. Others wait here, within their timeout. The agent's limit of samples in
 * flight bounds their number. Audits are sent one at a time, when no sample waits. Clock, randomness and transport are
 * passed in.
 */
export class OffloadLink {
  readonly counters = newLinkCounters();
  private current: LinkState = 'closed';
  private stream: OffloadStream | null = null;
  private writable = false;
  private encodings: ReadonlySet<number> = oldestEncodings;
  private readonly queued = new Map<number, Pending>();
  private readonly sent = new Map<number, Pending>();
  /** In state `asking`: the sample that was sent. */
  private asking: Pending | null = null;
  private readonly audits: AuditQueue;
  private lastId = 0;
  private cancelWake: () => void = () => undefined;
  private readonly backoff: Backoff;
  private noteAttempt: () => void = () => undefined;
  private readonly attempt = new Promise<void>((resolve) => {
    this.noteAttempt = resolve;
  });
  private readonly problems: LogOnce;

  constructor(
    private readonly options: OffloadLinkOptions,
    private readonly scope: AnswerScope,
    private readonly transport: OffloadTransport,
    private readonly clock: Clock,
    random: () => number,
    logger: Logger,
  ) {
    this.problems = new LogOnce(logger);
    this.backoff = new Backoff(options.reconnectFirstMs, options.reconnectMaxMs, random);
    this.audits = new AuditQueue(options.auditTimeoutMs, scope, clock, () => this.pump());
  }

  get state(): LinkState {
    return this.current;
  }

  /** The encodings that the worker accepts; none while samples fall back at once. */
  get accepted(): ReadonlySet<number> {
    return this.current === 'ready' || this.current === 'asking' ? this.encodings : noEncodings;
  }

  /** Numbers of samples sent, and of samples that wait to be sent. */
  get inFlight(): { sent: number; queued: number } {
    return { sent: this.sent.size, queued: this.queued.size };
  }

  start(): void {
    if (this.current === 'closed') this.connect();
  }

  /** Settles when the first attempt to reach the worker has succeeded or failed. */
  firstAttempt(): Promise<void> {
    return this.attempt;
  }

  /** Never rejects, and settles within the timeout. */
  offload(sample: OffloadSample): Promise<OffloadOutcome> {
    if (this.current !== 'ready' && (this.current !== 'asking' || this.asking)) {
      const fallback = this.current === 'closed' ? 'stopping' : 'down';
      return Promise.resolve({ fallback, sent: null });
    }
    return new Promise((resolve) => {
      const id = ++this.lastId;
      const pending: Pending = {
        id,
        sample,
        expiresAt: this.clock.now() + this.options.timeoutMs,
        sent: null,
        cancelTimer: this.clock.after(this.options.timeoutMs, () => {
          this.counters.timeouts++;
          this.fallBack(pending, 'timeout');
          this.pump();
        }),
        settle: resolve,
      };
      this.queued.set(id, pending);
      if (this.current === 'asking') this.asking = pending;
      this.pump();
    });
  }

  /**
   * Sends an audit when no sample waits to be sent. The caller bounds the number of waiting audits. Never rejects, and
   * settles within the audits' timeout.
   */
  audit(audit: OffloadAudit): Promise<OffloadAuditOutcome> {
    const busy = this.current === 'paused' || this.audits.paused;
    if (this.current !== 'ready' || busy) {
      return Promise.resolve({ dropped: busy ? 'busy' : 'failed' });
    }
    const outcome = this.audits.add(++this.lastId, audit);
    this.pump();
    return outcome;
  }

  /** Closes the stream permanently. Samples on it fall back at once. */
  close(): void {
    this.enter('closed');
    this.stream?.close();
    this.stream = null;
    this.fallBackAll('stopping');
    this.noteAttempt();
  }

  private connect(): void {
    this.enter('connecting');
    const mine = <A extends unknown[]>(handler: (...args: A) => void) => {
      return (...args: A) => {
        if (this.stream === stream) handler(...args);
      };
    };
    const stream = this.transport.open({
      onOpen: mine((encodings) => this.opened(encodings)),
      onResponse: mine((response) => this.respond(response)),
      onDrain: mine(() => {
        this.writable = true;
        this.pump();
      }),
      onLost: mine((ids) => this.lost(ids)),
      onClose: mine((reason) => this.broke(reason)),
    });
    this.stream = stream;
  }

  private opened(encodings: ReadonlySet<number>): void {
    this.writable = true;
    this.encodings = encodings;
    if (this.current === 'connecting') {
      this.problems.log('info', 'connected', {}, 'connected to the worker');
      this.enter('ready');
      this.noteAttempt();
    } else {
      this.counters.moves++;
      this.pump();
    }
  }

  private broke(reason: string): void {
    this.problems.log('warn', 'down', { reason }, 'no worker; local exits answer');
    this.stream = null;
    this.counters.broken += this.queued.size + this.sent.size;
    this.enter('waiting', this.backoff.next(), () => {
      this.counters.reconnects++;
      this.connect();
    });
    this.fallBackAll('broken');
    this.noteAttempt();
  }

  private lost(ids: readonly number[]): void {
    for (const id of ids) {
      this.audits.lost(id);
      const pending = this.sent.get(id);
      if (!pending) continue;
      this.counters.broken++;
      this.fallBack(pending, 'broken');
    }
    this.pump();
  }

  private respond(response: ResumeResponse): void {
    const id = response.sampleId;
    const pending = this.sent.get(id);
    if (this.audits.hasSent(id)) {
      const problem = this.audits.respond(response);
      if (problem) this.drop(problem);
    } else if (id < 1 || id > this.lastId || this.queued.has(id)) {
      this.drop(`sample ${id} was never sent`);
    } else if (!pending) {
      this.counters.late++;
    } else if (response.answer) {
      const checked = checkAnswer(response.answer, this.scope, pending.sent?.stage);
      if (typeof checked === 'string') {
        this.drop(checked);
      } else {
        this.counters.answered++;
        this.backoff.reset();
        this.problems.clear();
        if (this.asking === pending) this.enter('ready');
        this.finish(pending, { answer: checked, sent: pending.sent });
      }
    } else if (response.refusal) {
      this.refused(pending, response.refusal);
    } else {
      this.drop('neither an answer nor a refusal');
    }
    this.pump();
  }

  private refused(pending: Pending, refusal: RefusalMessage): void {
    const { code } = refusal;
    this.counters.refusals++;
    this.problems.log(
      'warn',
      `refusal ${code}`,
      { code, reason: refusal.message },
      'the worker refuses samples',
    );
    const pauseMs = pauseOf(refusal);
    const mustWait = refusedWith('OVERLOADED', refusal) || refusedWith('STOPPING', refusal);
    if (this.current === 'ready' || this.asking === pending) {
      if (refusedWith('BUNDLE_UNKNOWN', refusal)) {
        this.enter('unserved', this.options.unservedPauseMs, () => this.enter('asking'));
      } else if (mustWait && pauseMs > 0) {
        this.enter('paused', pauseMs, () => this.enter('ready'));
      } else {
        this.enter('ready');
      }
    }
    pending.sent = pending.sent && { ...pending.sent, refused: true };
    this.fallBack(pending, 'refused');
    if (this.current === 'ready') return;
    for (const waiting of this.queued.values()) this.fallBack(waiting, 'down');
    this.audits.dropWaiting('busy');
  }

  /** Sends waiting samples, as far as the stream and `maxInFlight` allow. */
  private pump(): void {
    if (this.current !== 'ready' && this.current !== 'asking') return;
    for (const pending of this.queued.values()) {
      if (!this.stream || !this.writable || this.sent.size >= this.options.maxInFlight) return;
      this.queued.delete(pending.id);
      this.sent.set(pending.id, pending);
      const { bundleDigest, policyVersion } = pending.sample;
      const written = pending.sample.write(this.encodings);
      const { encoding, data } = written.tensor;
      pending.sent = { encoding, bytes: data.byteLength, stage: written.stage, refused: false };
      this.writable = this.stream.send({
        ...written,
        bundleDigest,
        policyVersion,
        sampleId: pending.id,
        deadlineMs: Math.max(1, Math.floor(pending.expiresAt - this.clock.now())),
      });
    }
    const room = this.writable && this.sent.size < this.options.maxInFlight;
    if (this.stream && room && this.current === 'ready') {
      this.writable = this.audits.sendNext(this.stream, this.encodings);
    }
  }

  private enter(state: LinkState, forMs?: number, then?: () => void): void {
    this.cancelWake();
    this.cancelWake = () => undefined;
    this.current = state;
    if (forMs !== undefined && then) this.cancelWake = this.clock.after(forMs, then);
  }

  private fallBackAll(reason: FallbackReason): void {
    for (const pending of [...this.sent.values(), ...this.queued.values()]) this.fallBack(pending, reason);
    this.audits.dropAll('failed');
  }

  private fallBack(pending: Pending, reason: FallbackReason): void {
    this.finish(pending, { fallback: reason, sent: pending.sent });
  }

  private finish(pending: Pending, outcome: OffloadOutcome): void {
    pending.cancelTimer();
    if (this.asking === pending) this.asking = null;
    this.queued.delete(pending.id);
    this.sent.delete(pending.id);
    pending.settle(outcome);
  }

  private drop(problem: string): void {
    this.counters.invalid++;
    this.problems.log('warn', 'invalid', { problem }, 'the worker sent an invalid response');
  }
}
