import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../service.js';

/** Waits, in milliseconds. @returns whether to go on: false once the service is stopped, at once */
export type Wait = (milliseconds: number) => Promise<boolean>;

/** A service that repeats something until it is stopped. */
export function stoppable(run: (wait: Wait, stopped: AbortSignal) => Promise<void>): Service {
  const controller = new AbortController();
  const { signal } = controller;
  const wait: Wait = (milliseconds) => sleep(milliseconds, true, { signal }).catch(() => false);
  const done = run(wait, signal);
  return {
    done,
    stop() {
      controller.abort();
      return done;
    },
  };
}
