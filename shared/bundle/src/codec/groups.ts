import { elementsOf } from '../shape.js';

/** Rows with fewer elements share scale and zero point, which take four bytes, with their neighbours. */
const minGroupElements = 32;

/** The groups of a tensor's elements that share a scale: `groups` of `length`; the last may be shorter. */
export interface GroupLayout {
  elements: number;
  groups: number;
  /** Elements of a group. */
  length: number;
  /** Elements of one row of the first dimension: a channel, a token, an element. */
  rowLength: number;
}

export function groupLayout(shape: readonly number[]): GroupLayout {
  const rowLength = elementsOf(shape.slice(1));
  const elements = elementsOf(shape);
  const length = rowLength === 0 ? 1 : Math.ceil(minGroupElements / rowLength) * rowLength;
  return { elements, groups: Math.ceil(elements / length), length, rowLength };
}
