/** A stream's content, as reported by NATS. */
export interface StreamContents {
  messages: number;
  last_seq: number;
}

/** Distinguishes a stalled reader from one without new messages. */
export class StallWatch {
  private before: { next: number; last: number } | null = null;

  /**
   * @param next number of the next expected message
   * @param contents current; `null`: unknown
   * @returns whether the message was already there at the last call, and none has been received since
   */
  isStalled(next: number, contents: StreamContents | null): boolean {
    const { before } = this;
    // Messages removed by age still count in the last number, but cannot be received.
    this.before = contents && contents.messages > 0 ? { next, last: contents.last_seq } : null;
    return this.before !== null && before !== null && before.next === next && before.last >= next;
  }
}
