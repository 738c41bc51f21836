import { invalidData } from './data-file.js';
import type { NpyArray } from './npy-array.js';
import { forEachNumber } from './numbers.js';
import type { PictureArray } from './picture-array.js';

/**
 * Pictures of an array N × height × width (grey), N × height × width × channels or
 * N × channels × height × width, channels being 1 or 3; if both readings fit, the last dimension is the
 * channels. 8-bit integers are used unchanged; floating-point numbers must lie in [0, 1] and become
 * round(255 · value).
 * @param name for the samples' names
 * @param where names the array in errors
 * @throws OfframpError `DATA_INVALID`
 */
export function picturesOfNpy(
  array: NpyArray,
  labels: ArrayLike<number> | null,
  name: string,
  where: string,
): PictureArray {
  const { shape } = array;
  const axes = axesOf(shape);
  if (!axes || shape.includes(0)) {
    throw invalidData(
      where,
      `expected pictures as N × height × width, N × height × width × channels or N × channels × height × width, with 1 or 3 channels; found ${shape.join('×') || 'a single number'}`,
    );
  }
  const [count = 0] = shape;
  if (labels && labels.length !== count) {
    throw invalidData(where, `expected ${count} labels, one per picture; found ${labels.length}`);
  }
  const strides = stridesOf(array);
  const size = (axis: number | null) => (axis === null ? 1 : (shape[axis] as number));
  const stride = (axis: number | null) => (axis === null ? 1 : (strides[axis] as number));
  return {
    name,
    samples: samplesOf(array, where),
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

/**
 * Labels of an array of whole numbers, N or N × 1.
 * @throws OfframpError `DATA_INVALID`
 */
export function labelsOfNpy({ shape, numbers }: NpyArray, where: string): Uint32Array {
  const [count = 0, ...rest] = shape;
  if (shape.length === 0 || rest.some((dimension) => dimension !== 1)) {
    throw invalidData(where, `expected one label per picture, found ${shape.join('×') || 'a single number'}`);
  }
  const labels = new Uint32Array(count);
  forEachNumber(numbers, (value, index) => {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw invalidData(
        where,
        `expected labels as whole numbers from 0, found ${value} for picture ${index}`,
      );
    }
    labels[index] = value;
  });
  return labels;
}

function axesOf(shape: readonly number[]): { row: number; column: number; channel: number | null } | null {
  const isChannels = (size: number | undefined) => size === 1 || size === 3;
  if (shape.length === 3) return { row: 1, column: 2, channel: null };
  if (shape.length !== 4) return null;
  if (isChannels(shape[3])) return { row: 1, column: 2, channel: 3 };
  if (isChannels(shape[1])) return { row: 2, column: 3, channel: 1 };
  return null;
}

/** Distance between neighbours along each dimension, in elements. */
function stridesOf({ shape, fortranOrder }: NpyArray): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = 0; i < shape.length; i++) {
    const axis = fortranOrder ? i : shape.length - 1 - i;
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  return strides;
}

function samplesOf({ numbers }: NpyArray, where: string): Uint8Array {
  if (numbers.type === 'u1') return numbers.bytes;
  if (numbers.type !== 'f4' && numbers.type !== 'f8') {
    throw invalidData(
      where,
      `expected pictures of type u1 (0 to 255) or f4 or f8 (0 to 1), found ${numbers.type}`,
    );
  }
  const samples = new Uint8Array(numbers.bytes.length / (numbers.type === 'f4' ? 4 : 8));
  forEachNumber(numbers, (value, index) => {
    if (!(value >= 0 && value <= 1)) {
      throw invalidData(
        where,
        `expected floating-point samples from 0 to 1, found ${value}; save samples from 0 to 255 as uint8`,
      );
    }
    samples[index] = Math.round(255 * value);
  });
  return samples;
}
