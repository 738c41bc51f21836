/** Somebody who sends samples: a stream, or, for single calls, a connection. */
export class Sender {
  /** Samples on the worker. */
  inFlight = 0;
  /** Virtual time at which all that it has sent so far has had its turn. */
  finish = 0;
}

/**
 * Fair shares among senders, whatever each of them sends: start-time fair queueing (P. Goyal, H. M. Vin, H. Cheng,
 * "Start-time fair queueing", SIGCOMM 1996). A sample's turn comes in order of its start tag. A sender's tags advance with
 * what it asks for, so whoever asks for much queues behind itself, and whoever comes anew is next.
 */
export class FairClock {
  private virtual = 0;
  private lastFinish = 0;

  /** @param cost of the sample, in any unit that all samples share */
  startTag(sender: Sender, cost: number): number {
    const start = Math.max(this.virtual, sender.finish);
    sender.finish = start + cost;
    this.lastFinish = Math.max(this.lastFinish, sender.finish);
    return start;
  }

  /** The sample with this tag has its turn. */
  serve(startTag: number): void {
    this.virtual = Math.max(this.virtual, startTag);
  }

  /** Nobody waits: what each has had before counts no longer. */
  rest(): void {
    this.virtual = this.lastFinish;
  }
}
