/** An entry that was heard of, beside the newest one known: by its number it is newer, the same, or from before. */
export type EntryStanding = 'newer' | 'known' | 'older';

/**
 * Which entries of a key are news, of those that are heard as they are stored and those that are read now and then.
 * Entries are told apart by their sequence in the bucket's stream; 0 stands for no entry at all.
 *
 * What is read is what the bucket holds, so it counts even if its sequence is lower than those seen: the bucket was made
 * anew, or restored. What is heard counts only if it is newer, since it may have been on its way for long.
 */
export class EntryOrder {
  private newest = 0;
  private read = { overtaken: false, doubtful: false };

  /** @returns `newer`: to be applied; `older`: of a bucket made anew, perhaps, so that it should be read again */
  heard(sequence: number): EntryStanding {
    if (sequence > this.newest) {
      this.newest = sequence;
      this.read.overtaken = true;
      return 'newer';
    }
    if (sequence === this.newest) return 'known';
    this.read.doubtful = true;
    return 'older';
  }

  /** The bucket is being asked from now on. */
  beginRead(): void {
    this.read = { overtaken: false, doubtful: false };
  }

  /**
   * @param sequence what the bucket has answered
   * @returns whether that is to be applied, and whether to read again, since what was heard meanwhile does not go with it
   */
  endRead(sequence: number): { applies: boolean; again: boolean } {
    const { overtaken, doubtful } = this.read;
    const applies = !overtaken || sequence > this.newest;
    if (applies) this.newest = sequence;
    return { applies, again: doubtful };
  }
}
