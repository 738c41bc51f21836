import { setTimeout as sleep } from 'node:timers/promises';
import { type ControllerEndpoint, controllerEndpoints, controllerSubject } from '@offramp/contracts';
import { isOfframpError, maxDurationMs, messageOf, OfframpError, systemCodeOf } from '@offramp/runtime';
import type { Msg, NatsConnection } from 'nats';
import { readServiceError } from './service-error.js';

/** Attempts at a change without a reply. */
export const changeAttempts = 3;

const noResponders = '503';

/**
 * Sends a controller a request that changes nothing.
 * @throws OfframpError `CONTROLLER_UNAVAILABLE`, `NATS_UNAVAILABLE`, and the controller's errors
 */
export async function ask(
  bus: NatsConnection,
  endpoint: ControllerEndpoint,
  data: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  try {
    return answerIn(await bus.request(subjectOf(endpoint), data, { timeout: timeoutMs }));
  } catch (cause) {
    throw failure(bus, timeoutMs, cause);
  }
}

/**
 * Requests a change, and repeats the request while there is no reply. Its request ID ensures that controllers make the change
 * once. A reply to any of the requests counts.
 * @param howToLook tells an operator how to find out whether the change was made
 * @throws OfframpError `OUTCOME_UNKNOWN`, and as {@link ask}
 */
export async function askForChange(
  bus: NatsConnection,
  endpoint: ControllerEndpoint,
  data: Uint8Array,
  timeoutMs: number,
  howToLook: string,
): Promise<Uint8Array> {
  const replies: Promise<Msg>[] = [];
  const done = new AbortController();
  let problem: unknown;
  try {
    for (let left = changeAttempts; left > 0; left--) {
      replies.push(
        bus.request(subjectOf(endpoint), data, { timeout: Math.min(timeoutMs * left, maxDurationMs) }),
      );
      const pause = sleep(timeoutMs, null, { signal: done.signal }).catch(() => null);
      const reply = await Promise.race([firstOf(replies, (error) => (problem = error)), pause]);
      if (reply) return answerIn(reply);
      // No controller received it, so the change was not made.
      if (replies.length === 1 && systemCodeOf(problem) === noResponders)
        throw failure(bus, timeoutMs, problem);
      await pause;
    }
  } catch (error) {
    throw isOfframpError(error) && error.code === 'OUTCOME_UNKNOWN'
      ? unknown(error.message, howToLook, error)
      : error;
  } finally {
    done.abort();
  }
  const waited = `within ${timeoutMs * changeAttempts} ms, asked ${changeAttempts} times`;
  throw unknown(`no controller at ${bus.getServer()} has answered ${waited}`, howToLook, problem);
}

/** @returns the first reply; `null` if there is none */
function firstOf(replies: readonly Promise<Msg>[], onProblem: (error: unknown) => void): Promise<Msg | null> {
  return Promise.any(replies).catch((error: AggregateError) => {
    onProblem(error.errors.at(-1));
    return null;
  });
}

function unknown(message: string, hint: string, cause: unknown): OfframpError {
  return new OfframpError('OUTCOME_UNKNOWN', `${message}; whether the change is made is not known`, {
    hint,
    cause,
  });
}

const subjectOf = (endpoint: ControllerEndpoint) => `${controllerSubject}.${controllerEndpoints[endpoint]}`;

function answerIn(reply: Msg): Uint8Array {
  const error = readServiceError(reply);
  if (error) throw error;
  return reply.data;
}

function failure(bus: NatsConnection, timeoutMs: number, cause: unknown): OfframpError {
  const server = bus.getServer();
  const code = systemCodeOf(cause);
  if (isOfframpError(cause)) return cause;
  if (code === noResponders) {
    return new OfframpError('CONTROLLER_UNAVAILABLE', `no controller is connected to ${server}`, {
      hint: 'Start one with `offramp controller`, or name its NATS server with --nats.',
      cause,
    });
  }
  if (code === 'TIMEOUT') {
    return new OfframpError(
      'CONTROLLER_UNAVAILABLE',
      `the controller at ${server} did not answer within ${timeoutMs} ms`,
      { cause },
    );
  }
  return new OfframpError('NATS_UNAVAILABLE', `lost the NATS server at ${server}: ${messageOf(cause)}`, {
    cause,
  });
}
