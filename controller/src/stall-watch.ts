/** What a stream holds, as NATS tells it. */
export interface StreamContents {
  messages: number;
  last_seq: number;
}

/** Tells a reader to which nothing comes any more from one for which there is nothing. */
export class StallWatch {
  private before: { next: number; last: number } | null = null;

  /**
   * @param next number of the message that is waited for
   * @param contents now; `null`: nobody could say
   * @returns whether it was there the last time as well, and nothing has come since
   */
  isStalled(next: number, contents: StreamContents | null): boolean {
    const { before } = this;
    // What was removed for its age still counts in the last number, and will not come.
    this.before = contents && contents.messages > 0 ? { next, last: contents.last_seq } : null;
    return this.before !== null && before !== null && before.next === next && before.last >= next;
  }
}
