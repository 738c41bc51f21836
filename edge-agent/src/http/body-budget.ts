import { OfframpError } from '@offramp/runtime';

/** Bytes of all bodies in memory, including incomplete ones. If one body may be larger, that is the limit. */
const maxBodiesBytes = 32 * 2 ** 20;
/** When a client may try again after a refusal. */
const retryAfterMs = 1_000;

/** One body's part of the budget. */
export interface BodyShare {
  /** @throws OfframpError `OVERLOADED` */
  add(bytes: number): void;
  /** Returns it to the budget. Calling it again has no effect. */
  release(): void;
}

/** Limits the memory of all request bodies together. Only bytes that have arrived count. */
export class BodyBudget {
  private readonly most: number;
  private used = 0;

  /** @param maxBodyBytes of one body */
  constructor(maxBodyBytes: number) {
    this.most = Math.max(maxBodiesBytes, maxBodyBytes);
  }

  /**
   * Refuses a body that does not fit now.
   * @param bytes its size, if known
   * @throws OfframpError `OVERLOADED`
   */
  check(bytes: number): void {
    if (this.used + bytes <= this.most) return;
    throw new OfframpError(
      'OVERLOADED',
      `expected at most ${this.most} bytes of bodies in memory, found ${this.used} and ${bytes} more`,
      { retryAfterMs },
    );
  }

  open(): BodyShare {
    let mine = 0;
    return {
      add: (bytes) => {
        this.check(bytes);
        this.used += bytes;
        mine += bytes;
      },
      release: () => {
        this.used -= mine;
        mine = 0;
      },
    };
  }
}
