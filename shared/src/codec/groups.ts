import { elementsOf } from '../shape.js';

/** Fewer elements than this share scale and zero point with their neighbours: these take four bytes. */
const minGroupElements = 32;

/** How the elements of one tensor fall into groups that share a scale: `groups` of `length`, the last one maybe shorter. */
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
