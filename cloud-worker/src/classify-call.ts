import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { type ClassifyRequest, type ClassifyResponse, MalformedMessage, OfframpError } from '@offramp/shared';
import { answerMessage } from './answer-message.js';
import { Sender } from './fair-clock.js';
import type { Intake } from './intake.js';
import { refusalStatus, toOfframpError } from './refusal.js';

export type ClassifyCall = ServerUnaryCall<ClassifyRequest | MalformedMessage, ClassifyResponse>;

/**
 * Answers one `Classify` call: the whole backbone, every exit passed over.
 * @param senders those with calls under way, by connection
 */
export function classify(
  call: ClassifyCall,
  respond: sendUnaryData<ClassifyResponse>,
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

/** Milliseconds until the call's own deadline. */
function patienceOf(call: ClassifyCall): number {
  const deadline = call.getDeadline();
  return (typeof deadline === 'number' ? deadline : deadline.getTime()) - Date.now();
}
