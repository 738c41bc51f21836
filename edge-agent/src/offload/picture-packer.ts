import {
  type EncodedTensor,
  type Manifest,
  type PictureCodecManifest,
  type PictureInput,
  pictureEncoding,
  sentActivation,
} from '@offramp/bundle';
import { Encoding } from '@offramp/contracts';
import { isLosslessPacking, packPicture, pixelsOfInput } from '@offramp/data';
import type { LoadedSample } from '../pipeline/loaded-sample.js';

/**
 * Packs pictures as the bundle says for this number of stages on the device, where that is fewer bytes on average than
 * an activation.
 * @param lossless whether only packings without loss are allowed
 * @returns `null` for a model that takes no pictures
 */
export function picturePacker(
  manifest: Manifest,
  deviceStages: number,
  lossless: boolean,
): PicturePacker | null {
  const { input, stages } = manifest;
  const stage = stages[deviceStages];
  if (input.kind === 'tensor' || !stage) return null;
  const activation = sentActivation(manifest, deviceStages);
  const packings = (stage.pictures ?? []).filter(
    (packing) => packing.meanBytes < activation.bytes && (!lossless || isLosslessPacking(packing)),
  );
  return new PicturePacker(input, packings);
}

/** Packs pictures for a worker. */
export class PicturePacker {
  /** @param packings allowed ones, the best first */
  constructor(
    private readonly input: PictureInput,
    private readonly packings: readonly PictureCodecManifest[],
  ) {}

  /**
   * The picture in the best packing that the worker accepts, or the file that it came in if that is smaller.
   * @returns `null` where neither pays, or where no picture gives these values
   */
  async pack({ input, file }: LoadedSample, encodings: ReadonlySet<number>): Promise<EncodedTensor | null> {
    const packing = this.packings.find(({ form }) => encodings.has(pictureEncoding(form)));
    const takesFile = encodings.has(Encoding.ENCODING_JPEG_SOURCE);
    const asFile = file && takesFile ? { encoding: Encoding.ENCODING_JPEG_SOURCE, data: file } : null;
    // The file is there, and loses nothing. Packing takes time.
    if (!packing || (asFile && asFile.data.byteLength <= packing.meanBytes)) return asFile;
    if (packing.form === 'uint8+deflate') return null;
    const pixels = pixelsOfInput(input, this.input);
    if (!pixels) return null;
    const data = await packPicture(pixels, this.input, packing);
    return asFile && asFile.data.byteLength <= data.byteLength
      ? asFile
      : { encoding: pictureEncoding(packing.form), data };
  }
}
