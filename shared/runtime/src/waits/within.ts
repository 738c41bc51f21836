import type { Clock } from '../time/clock.js';

/** Waits for `work`, but no longer than `milliseconds`. @returns whether it was done in time */
export async function within(work: Promise<unknown>, milliseconds: number, clock: Clock): Promise<boolean> {
  let cancel: () => void = () => undefined;
  const timeout = new Promise<false>((resolve) => {
    cancel = clock.after(milliseconds, () => resolve(false));
  });
  try {
    return await Promise.race([work.then(() => true), timeout]);
  } finally {
    cancel();
  }
}
