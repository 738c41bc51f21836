import { OfframpError } from '@offramp/runtime';
import type { PictureDataset } from '../dataset.js';
import { type NpyArray, type NpySamples, stridesOf } from './npy-array.js';
import { countOf } from './npy-labels.js';
import { bytesOf, forEachNumber } from './numbers.js';
import { datasetOfArrays, type PictureArray } from './picture-array.js';

/** The pictures of arrays, one array after the other. @throws OfframpError `DATA_INVALID` */
export function picturesOfNpy(samples: readonly NpySamples[], description: string): PictureDataset {
  return datasetOfArrays(samples.map(pictureArrayOf), { description, classNames: null });
}

/**
 * Pictures of an array N × height × width (grey), N × height × width × channels or
 * N × channels × height × width, channels being 1 or 3; if both readings fit, the last dimension is the
 * channels. 8-bit integers are used unchanged; floating-point numbers must lie in [0, 1] and become
 * round(255 · value).
 */
function pictureArrayOf(samples: NpySamples): PictureArray {
  const { array, labels, name, where } = samples;
  const { shape } = array;
  const axes = axesOf(shape);
  if (!axes || shape.includes(0)) {
    throw noPicture(
      where,
      `expected pictures as N × height × width, N × height × width × channels or N × channels × height × width, with 1 or 3 channels; found ${shape.join('×') || 'a single number'}`,
    );
  }
  const count = countOf(samples);
  const strides = stridesOf(array);
  const size = (axis: number | null) => (axis === null ? 1 : (shape[axis] as number));
  const stride = (axis: number | null) => (axis === null ? 1 : (strides[axis] as number));
  return {
    name,
    samples: pixelsOf(array, where),
    count,
    height: size(axes.row),
    width: size(axes.column),
    channels: size(axes.channel) as 1 | 3,
    layout: {
      start: 0,
      picture: stride(0),
      row: stride(axes.row),
      column: stride(axes.column),
      channel: stride(axes.channel),
    },
    labels,
  };
}

function axesOf(shape: readonly number[]): { row: number; column: number; channel: number | null } | null {
  const isChannels = (size: number | undefined) => size === 1 || size === 3;
  if (shape.length === 3) return { row: 1, column: 2, channel: null };
  if (shape.length !== 4) return null;
  if (isChannels(shape[3])) return { row: 1, column: 2, channel: 3 };
  if (isChannels(shape[1])) return { row: 2, column: 3, channel: 1 };
  return null;
}

function pixelsOf({ numbers }: NpyArray, where: string): Uint8Array {
  const { type } = numbers;
  if (type === 'u1') return numbers.bytes;
  if (!type.startsWith('f')) {
    throw noPicture(
      where,
      `expected pictures of type u1 (0 to 255) or f2, f4 or f8 (0 to 1), found ${numbers.type}`,
    );
  }
  const pixels = new Uint8Array(numbers.bytes.length / bytesOf(type));
  forEachNumber(numbers, (value, index) => {
    if (!(value >= 0 && value <= 1)) {
      throw noPicture(
        where,
        `expected floating-point samples from 0 to 1, found ${value}; save samples from 0 to 255 as uint8`,
      );
    }
    pixels[index] = Math.round(255 * value);
  });
  return pixels;
}

function noPicture(where: string, problem: string): OfframpError {
  return new OfframpError('DATA_INVALID', `${where}: ${problem}`, {
    hint: 'Numbers of any range are data of a model whose input is a tensor: --input-kind tensor of `offramp augment`.',
  });
}
