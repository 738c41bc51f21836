import { fittedFrom, type PictureDataset } from '../dataset.js';
import type { Picture } from '../pictures/picture.js';
import { type AboutArrays, type SampleArray, samplesOf } from './sample-array.js';

/** Pictures of one size in one array of 8-bit samples in memory, of any layout. */
export interface PictureArray extends SampleArray {
  samples: Uint8Array;
  height: number;
  width: number;
  channels: 1 | 3;
  /** Offset of the first sample and stride along each axis, in bytes. */
  layout: { start: number; picture: number; row: number; column: number; channel: number };
}

/** The pictures of several arrays, one array after the other. */
export function datasetOfArrays(arrays: readonly PictureArray[], about: AboutArrays): PictureDataset {
  const samples = samplesOf(arrays, { ...about, what: 'pictures' });
  const read = async (index: number) => {
    const { array, row } = samples.at(index);
    const { nameAt, labelAt } = samples.facts;
    return { name: nameAt(index), label: labelAt(index), picture: pictureAt(array, row) };
  };
  return { ...samples.facts, read, readFitted: fittedFrom(read) };
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
