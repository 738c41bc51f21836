import type { ActivationQuantisation } from '@offramp/bundle';
import { type Quantisation, quantisedTypes } from './quantisation.js';

/** How a model holds a tensor, where not simply as float32. */
export interface StoredTensor {
  /** Of its elements. */
  type: 'float32' | 'float16' | Quantisation['type'];
  /** Of integers, or of values of float32 that are dequantised integers. */
  quantisation?: Quantisation;
}

const integer8Offsets = new Map<string, number>([
  ['uint8', 0],
  ['int8', 128],
]);

/**
 * How a segment can hand a tensor on as float32 without loss; `null`: it cannot.
 * @param type of its elements in the model
 */
export function storedTensor(
  type: string | undefined,
  quantisation: Quantisation | undefined,
): StoredTensor | null {
  if (type === 'float32') return quantisation ? { type, quantisation } : { type };
  if (type === 'float16') return { type };
  const integers = quantisedTypes.find((name) => name === type);
  return integers && quantisation?.type === integers ? { type: integers, quantisation } : null;
}

/** How codes from 0 to 255 stand for the values; `undefined` where they do not. */
export function codesOf({ quantisation }: StoredTensor): ActivationQuantisation | undefined {
  const offset = integer8Offsets.get(quantisation?.type ?? '');
  if (!quantisation || offset === undefined) return undefined;
  return { scale: quantisation.scale, zeroPoint: quantisation.zeroPoint + offset };
}

/** Of the smallest codec that loses nothing, before deflate. */
export function bytesPerElement(stored: StoredTensor): number {
  if (codesOf(stored)) return 1;
  return stored.type === 'float16' ? 2 : 4;
}
