/** What a program holds. Everything is released in the opposite order to that in which it was added. */
export class Resources {
  private readonly releases: (() => unknown)[] = [];
  private released: Promise<void> | null = null;

  /** @param onError told of each release that fails; the others are carried out all the same */
  constructor(private readonly onError: (error: unknown) => void) {}

  /** @param release may be asynchronous; what was added before is released after it has ended */
  add(release: () => unknown): void {
    if (this.released) throw new Error('resources have been released already');
    this.releases.push(release);
  }

  /** Releases everything, once, however often it is called. Never rejects. */
  release(): Promise<void> {
    this.released ??= this.releaseAll();
    return this.released;
  }

  private async releaseAll(): Promise<void> {
    for (const release of this.releases.reverse()) {
      try {
        await release();
      } catch (error) {
        this.onError(error);
      }
    }
  }
}
