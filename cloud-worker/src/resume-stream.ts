import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  type Logger,
  MalformedMessage,
  OfframpError,
  type ResumeRequest,
  type ResumeResponse,
} from '@offramp/shared';
import { answerMessage } from './answer-message.js';
import { Sender } from './fair-clock.js';
import type { Intake } from './intake.js';
import type { PendingSample, SampleOutcome } from './pending-sample.js';
import { refusalMessage, refusalStatus, toOfframpError } from './refusal.js';

export type ResumeCall = ServerDuplexStream<ResumeRequest | MalformedMessage, ResumeResponse>;

/**
 * - `open`: reads samples and answers them.
 * - `finishing`: the client will send nothing more, or the worker is draining; ends with the last answer.
 * - `ended`: we have ended it, or it is gone.
 */
type StreamState = 'open' | 'finishing' | 'ended';

/** One device's stream of samples. */
export class ResumeStream {
  /** Resolves when the stream is gone, for whatever reason. */
  readonly closed: Promise<void>;
  private state: StreamState = 'open';
  private readonly sender = new Sender();
  private readonly inFlight = new Map<number, PendingSample>();
  /** Responses written that the transport has not taken yet. */
  private undelivered = 0;

  /** @param maxInFlight samples whose response is not delivered; at that many, reading pauses */
  constructor(
    private readonly call: ResumeCall,
    private readonly intake: Intake,
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

  /** Ends the stream once what is in flight is answered; samples that still come are refused meanwhile. */
  finish(): void {
    if (this.state === 'open') this.state = 'finishing';
    this.endIfDone();
  }

  /** Ends the stream now, with an error. */
  fail(error: OfframpError): void {
    if (this.state === 'ended') return;
    this.abandon();
    // The way to a status of one's own in grpc-js; its stream listens and ends with this status.
    this.call.emit('error', Object.assign(new Error(error.message), refusalStatus(error)));
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
    const sampleId = message.sampleId ?? 0;
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
    const { bundleDigest, stage, tensor, thresholds, deadlineMs, policyVersion } = request;
    const sample = this.intake.submit(
      {
        sender: this.sender,
        bundleDigest,
        stage: stage ?? 0,
        tensor,
        thresholds: thresholds ?? [],
        patienceMs: deadlineMs || Number.POSITIVE_INFINITY,
      },
      (outcome) => {
        this.inFlight.delete(sampleId);
        this.onSettled(sampleId, outcome, policyVersion ?? 0);
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

  private respond(response: ResumeResponse): void {
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
