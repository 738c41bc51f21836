import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { type ClassifyRequest, type ClassifyResponseInit, MalformedMessage } from '@offramp/contracts';
import { OfframpError, toOfframpError } from '@offramp/runtime';
import { refusalStatus } from '../admission/refusal.js';
import { Sender } from '../batching/fair-clock.js';
import { answerMessage } from './answer-message.js';
import type { Intake } from './intake.js';

export type ClassifyCall = ServerUnaryCall<ClassifyRequest | MalformedMessage, ClassifyResponseInit>;

/**
 * Answers one `Classify` call with the whole backbone, without early exits.
 * @param senders senders with calls in progress, by connection
 */
export function classify(
  call: ClassifyCall,
  respond: sendUnaryData<ClassifyResponseInit>,
  intake: Intake,
  senders: Map<string, Sender>,
): void {
  const { request } = call;
  const refuse = (error: OfframpError) => respond(refusalStatus(error));
  if (request instanceof MalformedMessage) {
    refuse(
      new OfframpError('TENSOR_INVALID', `expected a ClassifyRequest, found other bytes: ${request.reason}`),
    );
    return;
  }
  const { bundleDigest, tensor } = request;
  const peer = call.getPeer();
  const sender = senders.get(peer) ?? new Sender();
  try {
    const sample = intake.submit(
      { sender, bundleDigest, stage: 0, tensor, thresholds: null, patienceMs: patienceOf(call) },
      (outcome) => {
        if (sender.inFlight === 0) senders.delete(peer);
        if (outcome.kind === 'refused') refuse(outcome.error);
        if (outcome.kind !== 'answered') return;
        respond(null, {
          answer: answerMessage(outcome.answer, 0),
          probabilities: [...outcome.answer.probabilities],
        });
      },
    );
    if (!sample.settled) senders.set(peer, sender);
    call.once('cancelled', () => intake.abandon([sample]));
  } catch (error) {
    refuse(toOfframpError(error));
  }
}

/** Milliseconds until the call's own deadline; 0 if that has passed. */
function patienceOf(call: ClassifyCall): number {
  const deadline = call.getDeadline();
  return Math.max(0, (typeof deadline === 'number' ? deadline : deadline.getTime()) - Date.now());
}
