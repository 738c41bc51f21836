/** Time, passed in wherever it decides something, so that tests and simulations can hold it still. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
  /** Calls back once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Node.js makes 1 ms of a longer delay. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    let leftMs = delayMs;
    let timer: NodeJS.Timeout;
    const wait = () => {
      const partMs = Math.min(leftMs, maxTimerMs);
      leftMs -= partMs;
      timer = setTimeout(leftMs > 0 ? wait : callback, partMs);
    };
    wait();
    return () => clearTimeout(timer);
  },
};
