import type { ServerDuplexStream } from '@grpc/grpc-js';
import { MalformedMessage, type ResumeRequest, type ResumeResponseInit } from '@offramp/contracts';
import { type Logger, OfframpError, toOfframpError } from '@offramp/runtime';
import { refusalMessage, refusalStatus } from '../admission/refusal.js';
import type { Sender } from '../batching/fair-clock.js';
import type { PendingSample, SampleOutcome } from '../batching/pending-sample.js';
import { answerMessage } from './answer-message.js';
import type { Intake } from './intake.js';

export type ResumeCall = ServerDuplexStream<ResumeRequest | MalformedMessage, ResumeResponseInit>;

/**
 * - `open`: reads samples and answers them.
 * - `finishing`: the client sends no more samples, or the worker is draining; ends after the last answer.
 * - `ended`: the worker ended it, or the connection is gone.
 */
type StreamState = 'open' | 'finishing' | 'ended';

/** Ends a call with an error. */
export function endCall(call: ResumeCall, error: OfframpError): void {
  // How grpc-js lets a handler choose the status: its stream ends with the status of an 'error' event.
  call.emit('error', Object.assign(new Error(error.message), refusalStatus(error)));
}

/** One device's stream of samples. */
export class ResumeStream {
  /** Resolves when the stream is closed for any reason. */
  readonly closed: Promise<void>;
  private state: StreamState = 'open';
  private readonly inFlight = new Map<number, PendingSample>();
  /** Written responses that the transport has not taken yet. */
  private undelivered = 0;

  /**
   * @param sender of its samples
   * @param maxInFlight number of samples without delivered response at which reading pauses
   */
  constructor(
    private readonly call: ResumeCall,
    private readonly intake: Intake,
    private readonly sender: Sender,
    private readonly maxInFlight: number,
    private readonly logger: Logger,
  ) {
    this.closed = new Promise((resolve) => {
      call.once('close', () => {
        this.abandon();
        resolve();
      });
    });
    call.once('cancelled', () => this.abandon());
    call.on('data', (message: ResumeRequest | MalformedMessage) => this.onMessage(message));
    call.once('end', () => this.finish());
  }

  /** Ends the stream after all samples in flight are answered. Further samples are refused meanwhile. */
  finish(): void {
    if (this.state === 'open') this.state = 'finishing';
    this.endIfDone();
  }

  /** Ends the stream now, with an error. */
  private fail(error: OfframpError): void {
    if (this.state === 'ended') return;
    this.abandon();
    endCall(this.call, error);
  }

  private onMessage(message: ResumeRequest | MalformedMessage): void {
    if (this.state === 'ended') return;
    if (message instanceof MalformedMessage) {
      this.logger.warn({ peer: this.call.getPeer(), reason: message.reason }, 'malformed message');
      this.fail(
        new OfframpError('TENSOR_INVALID', `expected a ResumeRequest, found other bytes: ${message.reason}`),
      );
      return;
    }
    const { sampleId } = message;
    try {
      this.submit(sampleId, message);
    } catch (error) {
      this.respond({ sampleId, refusal: refusalMessage(toOfframpError(error)) });
    }
    this.applyBackPressure();
  }

  private submit(sampleId: number, request: ResumeRequest): void {
    if (this.inFlight.has(sampleId)) {
      throw new OfframpError(
        'TENSOR_INVALID',
        `sample_id: expected one that is not in flight on this stream, found ${sampleId}`,
      );
    }
    const { bundleDigest, stage, tensor, thresholds, deadlineMs, policyVersion, audit } = request;
    const sample = this.intake.submit(
      {
        sender: this.sender,
        bundleDigest,
        stage,
        tensor,
        thresholds,
        patienceMs: deadlineMs || Number.POSITIVE_INFINITY,
        audit,
      },
      (outcome) => {
        this.inFlight.delete(sampleId);
        this.onSettled(sampleId, outcome, policyVersion);
      },
    );
    if (!sample.settled) this.inFlight.set(sampleId, sample);
  }

  private onSettled(sampleId: number, outcome: SampleOutcome, policyVersion: number): void {
    if (this.state === 'ended' || outcome.kind === 'abandoned') return;
    this.respond(
      outcome.kind === 'answered'
        ? { sampleId, answer: answerMessage(outcome.answer, policyVersion) }
        : { sampleId, refusal: refusalMessage(outcome.error) },
    );
    this.endIfDone();
  }

  private respond(response: ResumeResponseInit): void {
    this.undelivered++;
    this.call.write(response, () => {
      this.undelivered--;
      this.applyBackPressure();
    });
  }

  private applyBackPressure(): void {
    if (this.state === 'ended') return;
    const full = this.inFlight.size + this.undelivered >= this.maxInFlight;
    if (full && !this.call.isPaused()) this.call.pause();
    else if (!full && this.call.isPaused()) this.call.resume();
  }

  private endIfDone(): void {
    if (this.state !== 'finishing' || this.inFlight.size > 0) return;
    this.state = 'ended';
    this.call.end();
  }

  private abandon(): void {
    this.state = 'ended';
    const samples = [...this.inFlight.values()];
    this.inFlight.clear();
    this.intake.abandon(samples);
  }
}
