import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { type ClassifyRequest, type ClassifyResponseInit, MalformedMessage } from '@offramp/contracts';
import { OfframpError, toOfframpError } from '@offramp/runtime';
import { refusalStatus } from '../admission/refusal.js';
import type { Senders } from '../batching/senders.js';
import { answerMessage } from './answer-message.js';
import type { Intake } from './intake.js';

export type ClassifyCall = ServerUnaryCall<ClassifyRequest | MalformedMessage, ClassifyResponseInit>;

/**
 * Answers one `Classify` call with the whole backbone, without early exits.
 * @param key of its sender
 */
export function classify(
  call: ClassifyCall,
  respond: sendUnaryData<ClassifyResponseInit>,
  intake: Intake,
  senders: Senders,
  key: string,
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
  const sender = senders.take(key);
  try {
    const sample = intake.submit(
      { sender, bundleDigest, stage: 0, tensor, thresholds: null, patienceMs: patienceOf(call) },
      (outcome) => {
        senders.release(key);
        if (outcome.kind === 'refused') refuse(outcome.error);
        if (outcome.kind !== 'answered') return;
        respond(null, {
          answer: answerMessage(outcome.answer, 0),
          probabilities: [...outcome.answer.probabilities],
        });
      },
    );
    call.once('cancelled', () => intake.abandon([sample]));
  } catch (error) {
    senders.release(key);
    refuse(toOfframpError(error));
  }
}

/** Milliseconds until the call's own deadline; 0 if that has passed. */
function patienceOf(call: ClassifyCall): number {
  const deadline = call.getDeadline();
  return Math.max(0, (typeof deadline === 'number' ? deadline : deadline.getTime()) - Date.now());
}
