import { OfframpError } from '@offramp/runtime';

/** Bytes of all bodies in memory, those that are still arriving included; more where one body may have more. */
const maxBodiesBytes = 64 * 2 ** 20;
/** When a client that met a full budget may try again. */
const retryAfterMs = 1_000;

/** What one body has of the budget. */
export interface BodyShare {
  /** @throws OfframpError `OVERLOADED` */
  add(bytes: number): void;
  /** Gives back all of it. Once is enough. */
  release(): void;
}

/** Bounds the memory of request bodies, however many requests there are. Only bytes that have arrived count. */
export class BodyBudget {
  private readonly most: number;
  private used = 0;

  /** @param maxBodyBytes of one body */
  constructor(maxBodyBytes: number) {
    this.most = Math.max(maxBodiesBytes, maxBodyBytes);
  }

  /**
   * Refuses a body that has no room now.
   * @param bytes that it will have, as far as is known
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
