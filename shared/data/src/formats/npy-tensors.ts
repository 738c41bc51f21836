import {
  elementsOf,
  formatShape,
  type InputSpecification,
  sameShape,
  type TensorInput,
} from '@offramp/bundle';
import type { Dataset } from '../dataset.js';
import { invalidData } from './data-file.js';
import { type NpyArray, type NpySamples, stridesOf } from './npy-array.js';
import { countOf } from './npy-labels.js';
import { numberReader } from './numbers.js';
import { type SampleArray, samplesOf } from './sample-array.js';

/** Tensors of one shape in one array in memory. */
interface TensorArray extends SampleArray {
  array: NpyArray;
  where: string;
}

/**
 * The tensors of arrays N × shape, numbers of any type, one array after the other. Dimensions of 1 may be left out or added.
 * @throws OfframpError `DATA_INVALID`
 */
export function tensorsOfNpy(
  samples: readonly NpySamples[],
  input: TensorInput,
  description: string,
): Dataset {
  const arrays = samples.map((part): TensorArray => {
    checkShape(part, input);
    return { ...part, count: countOf(part) };
  });
  const { facts, at } = samplesOf(arrays, {
    ...{ description, classNames: null },
    what: `tensors of ${formatShape(input.shape)}`,
  });
  return {
    ...facts,
    async readFitted(index, wanted) {
      const { array, row } = at(index);
      checkShape(array, wanted);
      const name = facts.nameAt(index);
      return { name, label: facts.labelAt(index), values: valuesAt(array.array, row, name) };
    },
  };
}

function checkShape({ array, where }: Pick<NpySamples, 'array' | 'where'>, input: InputSpecification): void {
  const [count = 0, ...shape] = array.shape;
  const isTensor = array.shape.length > 0 && input.kind === 'tensor';
  if (isTensor && count > 0 && sameShape(withoutOnes(shape), withoutOnes(input.shape))) return;
  throw invalidData(
    where,
    `expected N×${formatShape(input.shape)}, samples first; found ${array.shape.join('×') || 'a single number'}`,
  );
}

const withoutOnes = (shape: readonly number[]) => shape.filter((size) => size !== 1);

/** One sample, row-major. @param name of the sample, for messages */
function valuesAt(array: NpyArray, row: number, name: string): Float32Array {
  const { shape, numbers } = array;
  const values = new Float32Array(elementsOf(shape.slice(1)));
  const read = numberReader(numbers);
  const placeOf = placesOf(array, row);
  for (let i = 0; i < values.length; i++) {
    const value = read(placeOf(i));
    values[i] = value;
    if (!Number.isFinite(values[i])) {
      throw invalidData(name, `expected finite numbers within float32; found ${value}`);
    }
  }
  return values;
}

/** Where in the array each element of a sample is, by its number in row-major order. */
function placesOf({ shape, fortranOrder }: NpyArray, row: number): (element: number) => number {
  const strides = stridesOf({ shape, fortranOrder });
  const start = row * (strides[0] as number);
  if (!fortranOrder) return (element) => start + element;
  return (element) => {
    let rest = element;
    let at = start;
    for (let axis = shape.length - 1; axis > 0; axis--) {
      const size = shape[axis] as number;
      at += (rest % size) * (strides[axis] as number);
      rest = Math.floor(rest / size);
    }
    return at;
  };
}
