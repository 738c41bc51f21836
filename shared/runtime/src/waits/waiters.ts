/** Callers that wait for the same moment. */
export class Waiters {
  private waiting: (() => void)[] = [];

  /** Settles at the next {@link wake}. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  wake(): void {
    const woken = this.waiting;
    this.waiting = [];
    for (const resolve of woken) resolve();
  }
}
