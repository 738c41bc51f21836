import { OfframpError } from '@offramp/runtime';
import { type PictureInput, sampleValues } from '../manifest/input-specification.js';
import { pictureOf, type TensorLayout } from './tensor-layout.js';

/** Largest magnitude of an activation, or of a tensor as the model's input. Stages overflow on much larger ones; networks compute with far smaller ones. */
const maxActivation = 1e12;
/** Largest magnitude of an element of a picture as the model's input, as a multiple of the largest that preprocessing gives. */
const maxInputFactor = 100;

/** The largest magnitude that elements of a tensor may have. */
export function maxMagnitude(layout: TensorLayout): number {
  const picture = pictureOf(layout);
  return picture ? maxInputOf(picture) : maxActivation;
}

const maxInputs = new WeakMap<PictureInput, number>();

/**
 * Checks the largest magnitude of a tensor that came from outside. NaN spreads to every exit, and so does what overflows.
 * @throws OfframpError `TENSOR_INVALID`
 */
export function expectMagnitude(what: string, found: number, most: number): void {
  if (found <= most) return;
  throw new OfframpError(
    'TENSOR_INVALID',
    `${what}: expected numbers from -${brief(most)} to ${brief(most)}, found ${brief(found)}`,
  );
}

function maxInputOf(input: PictureInput): number {
  let most = maxInputs.get(input);
  if (most === undefined) {
    const made = sampleValues(input).flatMap((values) => [values[0] as number, values[255] as number]);
    most = maxInputFactor * Math.max(...made.map(Math.abs));
    maxInputs.set(input, most);
  }
  return most;
}

const brief = (value: number) => String(Number(value.toPrecision(3)));
