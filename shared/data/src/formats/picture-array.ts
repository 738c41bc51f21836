import { OfframpError } from '@offramp/runtime';
import { type Dataset, fittedFrom } from '../dataset.js';
import type { Picture } from '../pictures/picture.js';

/** Pictures of one size in one array of 8-bit samples in memory, of any layout. */
export interface PictureArray {
  /** The name of the file or of the array in it; sample names begin with it. */
  name: string;
  samples: Uint8Array;
  count: number;
  height: number;
  width: number;
  channels: 1 | 3;
  /** Offset of the first sample and stride along each axis, in bytes. */
  layout: { start: number; picture: number; row: number; column: number; channel: number };
  /** One per picture. */
  labels: ArrayLike<number> | null;
}

/** The pictures of several arrays, one array after the other. */
export function datasetOfArrays(
  arrays: readonly PictureArray[],
  about: { description: string; classNames: readonly string[] | null },
): Dataset {
  const size = arrays.reduce((sum, { count }) => sum + count, 0);
  const at = (index: number): { array: PictureArray; row: number } => {
    let row = index;
    for (const array of arrays) {
      if (row >= 0 && row < array.count) return { array, row };
      row -= array.count;
    }
    throw new OfframpError('INTERNAL', `sample ${index} of ${size}`);
  };
  const nameAt = (index: number) => {
    const { array, row } = at(index);
    return `${array.name}:${row}`;
  };
  const labelAt = (index: number) => {
    const { array, row } = at(index);
    return array.labels?.[row] ?? null;
  };
  const read = async (index: number) => {
    const { array, row } = at(index);
    return { name: nameAt(index), label: labelAt(index), picture: pictureAt(array, row) };
  };
  return {
    description: `${about.description} (${size} pictures)`,
    size,
    labelled: arrays.every(({ labels }) => labels !== null),
    classNames: about.classNames,
    nameAt,
    labelAt,
    read,
    readFitted: fittedFrom(read),
  };
}

/** A view if the samples are already in the order of `Picture`, else a copy. */
function pictureAt(array: PictureArray, index: number): Picture {
  const { samples, height, width, channels, layout } = array;
  const start = layout.start + index * layout.picture;
  const length = height * width * channels;
  const inOrder =
    (channels === 1 || layout.channel === 1) && layout.column === channels && layout.row === width * channels;
  if (inOrder) return { pixels: samples.subarray(start, start + length), height, width, channels };
  const pixels = new Uint8Array(length);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = start + y * layout.row + x * layout.column;
      for (let channel = 0; channel < channels; channel++) {
        pixels[to++] = samples[from + channel * layout.channel] as number;
      }
    }
  }
  return { pixels, height, width, channels };
}
