/** How an entry compares with the newest known one, by its sequence. */
export type EntryStanding = 'newer' | 'known' | 'older';

/**
 * Decides which entries of a key are new. Entries arrive by subscription as they are stored, and by reads of the bucket.
 * They are identified by their sequence in the bucket's stream; 0 stands for no entry.
 *
 * A read returns the bucket's content, so it counts even if its sequence is lower than known ones: the bucket was created
 * anew, or restored. A server of a cluster that lags behind may have answered, so such a read is repeated first. A published
 * entry counts only if it is newer, because it may have been delayed.
 */
export class EntryOrder {
  private newest = 0;
  private read = { overtaken: false, doubtful: false };
  /** Whether the last read was lower than what is known, and was not applied. */
  private unconfirmed = false;

  /** @returns `newer`: apply it; `older`: it may be of a bucket that was created anew, so the bucket should be read */
  notePublished(sequence: number): EntryStanding {
    if (sequence > this.newest) {
      this.newest = sequence;
      this.read.overtaken = true;
      return 'newer';
    }
    if (sequence === this.newest) return 'known';
    this.read.doubtful = true;
    return 'older';
  }

  /** Must be called before the bucket is read. */
  beginRead(): void {
    this.read = { overtaken: false, doubtful: false };
  }

  /**
   * @param sequence of the entry that was read
   * @returns `applies`: apply it. `again`: read again, because what is known, or an entry published in the meantime, contradicts it
   */
  endRead(sequence: number): { applies: boolean; again: boolean } {
    const { overtaken, doubtful } = this.read;
    if (sequence < this.newest && !overtaken && !doubtful && !this.unconfirmed) {
      this.unconfirmed = true;
      return { applies: false, again: true };
    }
    this.unconfirmed = false;
    const applies = !overtaken || sequence > this.newest;
    if (applies) this.newest = sequence;
    return { applies, again: doubtful };
  }
}
