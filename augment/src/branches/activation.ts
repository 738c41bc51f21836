import type { CutPoint } from '../onnx/profile.js';

/** An activation at a cut point. */
export type Activation = Pick<CutPoint, 'shape' | 'layout'>;

/**
 * What bodies make of an activation:
 * - `map`: channels over one or two sides, which may be convolved and pooled. `transposed`: its channels come last.
 * - `tokens`: a set of vectors
 * - `vector`
 */
export type ActivationForm =
  | { kind: 'map'; channels: number; sides: number[]; transposed: boolean }
  | { kind: 'tokens'; tokens: number; width: number }
  | { kind: 'vector'; width: number }
  | { kind: 'other' };

/** What an activation is, by its shape and by where its channels are. */
export function formOf({ shape, layout }: Activation): ActivationForm {
  const [first = 0, second = 0] = shape;
  if (shape.length === 1) return { kind: 'vector', width: first };
  if (shape.length === 2 && layout !== 'channels-first') {
    return { kind: 'tokens', tokens: first, width: second };
  }
  if (shape.length > 3) return { kind: 'other' };
  const transposed = shape.length === 3 && layout === 'channels-last';
  const sides = transposed ? shape.slice(0, -1) : shape.slice(1);
  return { kind: 'map', channels: (transposed ? shape.at(-1) : first) as number, sides, transposed };
}
