/** A source of samples: a device where devices show who they are; otherwise a stream or, for single calls, a connection. */
export class Sender {
  /** Samples on the worker. */
  inFlight = 0;
  /** Virtual time after the turns of all its samples so far. */
  finish = 0;
}

/**
 * Fair shares among senders at any load: start-time fair queueing (P. Goyal, H. M. Vin, H. Cheng,
 * "Start-time fair queueing", SIGCOMM 1996). Samples are served in order of their start tags. A sender's tags advance with
 * the cost of its samples, so a sender with many samples queues behind itself, and a new sender is next.
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

  /** Serves the sample with this tag. */
  serve(startTag: number): void {
    this.virtual = Math.max(this.virtual, startTag);
  }

  /** Called when the queue is empty: earlier turns no longer count. */
  rest(): void {
    this.virtual = this.lastFinish;
  }
}
