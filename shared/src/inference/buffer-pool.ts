const smallestBytes = 4_096;

/**
 * Buffers to be used again, by size. Memory outside the heap that dies young costs more than using it: V8 answers its
 * growth with full collections. Sizes are powers of two, so that batches of any size share few of them.
 */
export class BufferPool {
  private readonly free = new Map<number, ArrayBuffer[]>();

  /** @param maxFreePerSize buffers of one size that are kept while nobody uses them */
  constructor(private readonly maxFreePerSize: number) {}

  /** A buffer of at least `bytes`; what it holds is left over from before. */
  take(bytes: number): ArrayBuffer {
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, smallestBytes)));
    return this.free.get(size)?.pop() ?? new ArrayBuffer(size);
  }

  /** Takes a buffer back that came from {@link take}, on whichever thread it has been since. */
  give(buffer: ArrayBuffer): void {
    const free = this.free.get(buffer.byteLength);
    if (!free) this.free.set(buffer.byteLength, [buffer]);
    else if (free.length < this.maxFreePerSize) free.push(buffer);
  }
}
