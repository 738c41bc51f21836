import { messageOf, type OfframpError } from '../errors/offramp-error.js';
import type { Logger } from '../logs/logging.js';
import { Resources } from './resources.js';

/** A program that runs until it is told to stop, until it has nothing left to do, or until it fails. */
export interface Program {
  /** Settles when the program has ended and has released everything; rejects if it failed. */
  readonly done: Promise<void>;
  /** Takes nothing new, finishes what is in flight, and ends. May be called more than once. Never rejects. */
  stop(): Promise<void>;
}

/** What a program may use while it starts and later. */
export interface ProgramControl {
  /** What the program takes goes here at once, so that a start which fails releases it too. */
  readonly resources: Resources;
  /** Ends the program; `done` rejects with the first error. */
  fail(error: OfframpError): void;
  /** Ends the program, as {@link Program.stop} does. */
  end(): void;
}

export interface Started<View extends object> {
  /** What the program shows while it runs. */
  view: View;
  /** Finishes what is in flight, before resources are released. */
  drain?(): Promise<void>;
}

/**
 * Starts a program: the one way in which agent, worker and controller start, run and stop.
 * @param start takes resources and brings the program up; when it throws, what it took is released
 * @returns the program, which runs
 */
export async function startProgram<View extends object>(
  logger: Logger,
  start: (control: ProgramControl) => Promise<Started<View>>,
): Promise<Program & View> {
  const resources = new Resources((error) =>
    logger.warn({ reason: messageOf(error) }, 'stopping: a resource could not be released'),
  );
  let failure: OfframpError | null = null;
  let end: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    end = resolve;
  });
  const fail = (error: OfframpError) => {
    failure ??= error;
    end();
  };
  let started: Started<View>;
  try {
    started = await start({ resources, fail, end });
  } catch (error) {
    await resources.release();
    throw error;
  }
  const { view, drain } = started;
  const done = asked.then(async () => {
    try {
      await drain?.();
    } finally {
      await resources.release();
    }
    if (failure) throw failure;
  });
  // A caller that waits for `stop` alone must not cause an unhandled rejection.
  const ended = done.catch(() => undefined);
  const stop = () => {
    end();
    return ended;
  };
  return Object.defineProperties({ done, stop }, Object.getOwnPropertyDescriptors(view)) as Program & View;
}
