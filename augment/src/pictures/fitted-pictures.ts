import { elementsOf, type InputSpecification } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';

/** Three times the size of 50,000 pictures of 32×32. */
export const defaultCacheBytes = 512 * 2 ** 20;
/** Memory is allocated in slabs of this size. */
const slabBytes = 16 * 2 ** 20;

/**
 * The pictures of a data set in the size of a model's input, 8-bit samples. Decoding and resizing cost twenty times as much
 * as the rest of the preprocessing (a PNG of 32×32: 0.37 ms of CPU time against 0.017). So the first pictures that are read
 * stay in memory, up to a bound; the others are read again each time. Pictures are not evicted, because a repeated pass over
 * all pictures would gain nothing from keeping the latest.
 */
export class FittedPictures {
  private readonly pictureBytes: number;
  private readonly picturesPerSlab: number;
  private readonly slabs: Uint8Array[] = [];
  /** Slot of each picture in the slabs; −1: not kept. */
  private readonly slotOf: Int32Array;
  private readonly slots: number;
  private used = 0;

  /** @param maxCacheBytes 0 keeps none */
  constructor(
    readonly dataset: Dataset,
    readonly input: InputSpecification,
    maxCacheBytes: number = defaultCacheBytes,
  ) {
    this.pictureBytes = elementsOf(input.shape);
    this.picturesPerSlab = Math.max(1, Math.floor(slabBytes / this.pictureBytes));
    this.slots = Math.min(dataset.size, Math.floor(maxCacheBytes / this.pictureBytes));
    this.slotOf = new Int32Array(dataset.size).fill(-1);
  }

  /** Bytes of the kept pictures. */
  get cachedBytes(): number {
    return this.used * this.pictureBytes;
  }

  /**
   * @returns height × width × channels samples, read-only
   * @throws OfframpError `IMAGE_INVALID`, `DATA_INVALID`, `CONFIG_INVALID`
   */
  async read(index: number): Promise<Uint8Array> {
    const slot = this.slotOf[index] ?? -1;
    if (slot >= 0) return this.at(slot);
    const { pixels } = (await this.dataset.readFitted(index, this.input)).picture;
    // A concurrent read may have stored it.
    if (this.slotOf[index] === -1 && this.used < this.slots) {
      this.slotOf[index] = this.used;
      this.at(this.used).set(pixels);
      this.used++;
    }
    return pixels;
  }

  private at(slot: number): Uint8Array {
    const { picturesPerSlab, pictureBytes } = this;
    const number = Math.floor(slot / picturesPerSlab);
    let slab = this.slabs[number];
    if (!slab) {
      const left = this.slots - number * picturesPerSlab;
      slab = new Uint8Array(Math.min(picturesPerSlab, left) * pictureBytes);
      this.slabs[number] = slab;
    }
    const start = (slot % picturesPerSlab) * pictureBytes;
    return slab.subarray(start, start + pictureBytes);
  }
}
