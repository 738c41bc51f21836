import { type Dataset, elementsOf, fitPicture, type InputSpecification } from '@offramp/shared';

/** Room for 50,000 pictures of 32×32 three times over. */
export const defaultCacheBytes = 512 * 2 ** 20;
/** Memory is taken for so many pictures at a time. */
const slabBytes = 16 * 2 ** 20;

/**
 * The pictures of a data set in the size of a model's input, 8-bit samples. Decoding and resizing cost
 * twenty times what all else does that is done to a picture before the model sees it (a PNG of 32×32: 0.37 ms of CPU time
 * against 0.017), so those that are read first stay in memory up to a bound; the others are read anew each time. None is ever thrown out: whoever passes over all pictures
 * again and again, in whatever order, gains nothing from keeping the latest.
 */
export class FittedPictures {
  private readonly pictureBytes: number;
  private readonly picturesPerSlab: number;
  private readonly slabs: Uint8Array[] = [];
  /** Where the picture lies in the slabs; −1: nowhere. */
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

  /** Of the pictures that are kept. */
  get cachedBytes(): number {
    return this.used * this.pictureBytes;
  }

  /**
   * @returns height × width × channels samples, not to be written to
   * @throws OfframpError `IMAGE_INVALID`, `DATA_INVALID`, `CONFIG_INVALID`
   */
  async read(index: number): Promise<Uint8Array> {
    const slot = this.slotOf[index] ?? -1;
    if (slot >= 0) return this.at(slot);
    const { picture } = await this.dataset.read(index);
    const { pixels } = await fitPicture(picture, this.input);
    // Somebody else may have read it meanwhile.
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
