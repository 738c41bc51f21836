import type { IncomingMessage } from 'node:http';
import { OfframpError } from '@offramp/runtime';
import { errorCodes } from 'fastify';
import type { BodyBudget } from './body-budget.js';
import type { RefusedBodies } from './refused-bodies.js';

/** A complete body, and its part of the budget. */
export interface Body {
  bytes: Uint8Array;
  release(): void;
}

/**
 * Reads the body of a request.
 * @param maxBytes of this body
 * @param refused discards the rest of a refused body
 * @throws OfframpError `OVERLOADED`; `REQUEST_INVALID` if the client goes away; Fastify's error of status 413
 */
export function readBody(
  incoming: IncomingMessage,
  maxBytes: number,
  budget: BodyBudget,
  refused: RefusedBodies,
): Promise<Body> {
  const announced = Number(incoming.headers['content-length'] ?? 0);
  if (announced > maxBytes) {
    refused.discard(incoming);
    return Promise.reject(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
  }
  return new Promise((resolve, reject) => {
    const share = budget.open();
    // Dropped as soon as they are joined or refused: the handlers and `release` keep this scope alive.
    let chunks: Buffer[] = [];
    let bytes = 0;
    const stop = () => {
      incoming.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
    };
    const refuse = (error: Error) => {
      stop();
      chunks = [];
      share.release();
      refused.discard(incoming);
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        refuse(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
        return;
      }
      try {
        share.add(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        refuse(error as Error);
      }
    };
    const onEnd = () => {
      stop();
      const whole = Buffer.concat(chunks, bytes);
      chunks = [];
      resolve({ bytes: whole, release: () => share.release() });
    };
    const onGone = () => refuse(new OfframpError('REQUEST_INVALID', 'the client went away'));
    incoming.on('data', onData).once('end', onEnd).once('close', onGone).once('error', onGone);
    try {
      budget.check(announced);
    } catch (error) {
      refuse(error as Error);
    }
  });
}
