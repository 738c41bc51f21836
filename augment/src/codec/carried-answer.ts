import { elementsOf } from '@offramp/bundle';
import type { GraphBuilder } from '../autodiff/graph-builder.js';
import type { Tensor } from '../autodiff/tensor.js';

/** Symbols per factor of 2 of a probability. */
const perOctave = 2;
/** The last symbol stands for all smaller probabilities. */
const lastSymbol = 31;
const floor = 2 ** -(lastSymbol / perOctave + 1);

/**
 * The answer of an exit that the activation carries, in its last rows, as symbols: logarithms in steps of half an octave.
 * @param rows batch × the activation's last rows
 * @returns batch × width
 */
export function carriedSymbols(g: GraphBuilder, rows: Tensor, width: number): Tensor {
  const flat = g.flatten(rows);
  const answer = flat.shape[1] === width ? flat : g.slice(flat, 1, 0, width);
  const octaves = g.mul(g.log(g.maximum(answer, floor)), -perOctave / Math.LN2);
  return g.round(g.clip(octaves, 0, lastSymbol));
}

/**
 * The rows of {@link carriedSymbols}.
 * @param symbols batch × width
 * @param shape of the rows of one sample
 */
export function carriedRowsOf(g: GraphBuilder, symbols: Tensor, shape: readonly number[]): Tensor {
  const answer = g.exp(g.mul(symbols, -Math.LN2 / perOctave));
  const width = symbols.shape[1] as number;
  const missing = elementsOf(shape) - width;
  const filled = missing > 0 ? g.zeroPad(answer, [0, 0], [0, missing]) : answer;
  return g.reshape(filled, [-1, ...shape]);
}
