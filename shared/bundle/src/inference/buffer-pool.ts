const smallestBytes = 4_096;

/**
 * Reusable buffers, by size. Short-lived memory outside the heap is expensive: V8 responds to its growth with full
 * collections. Sizes are powers of two, so that batches of all sizes share a few.
 */
export class BufferPool {
  private readonly free = new Map<number, ArrayBuffer[]>();

  /** @param maxFreePerSize how many unused buffers of one size are kept */
  constructor(private readonly maxFreePerSize: number) {}

  /** A buffer of at least `bytes`, with arbitrary content. */
  take(bytes: number): ArrayBuffer {
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, smallestBytes)));
    return this.free.get(size)?.pop() ?? new ArrayBuffer(size);
  }

  /** Takes back a buffer from {@link take}, also after it has moved between threads. */
  give(buffer: ArrayBuffer): void {
    const free = this.free.get(buffer.byteLength);
    if (!free) this.free.set(buffer.byteLength, [buffer]);
    else if (free.length < this.maxFreePerSize) free.push(buffer);
  }
}
