import type { Dataset } from '@offramp/data';
import { describe, expect, it } from 'vitest';
import { splitHoldOut } from './hold-out.js';

const noPictures = () => Promise.reject(new Error('no pictures'));

const datasetOf = (labels: (number | null)[]): Dataset => ({
  description: 'labels only',
  size: labels.length,
  labelled: labels.every((label) => label !== null),
  classNames: null,
  nameAt: String,
  labelAt: (index) => labels[index] ?? null,
  readFitted: noPictures,
});

describe('splitHoldOut', () => {
  it('keeps the last pictures, by share or by number', () => {
    const mixed = datasetOf([0, 1, 0, 1, 1, 0, 1, 0, 0, 1]);
    expect(splitHoldOut(mixed, 0.2)).toEqual({ training: [0, 1, 2, 3, 4, 5, 6, 7], heldOut: [8, 9] });
    expect(splitHoldOut(mixed, 3).heldOut).toEqual([7, 8, 9]);
    expect(splitHoldOut(datasetOf([null, null, null, null]), 0.25).heldOut).toEqual([3]);
  });

  it('keeps the last of each class where the pictures are sorted by class', () => {
    const sorted = datasetOf([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    expect(splitHoldOut(sorted, 0.25).heldOut).toEqual([3, 7, 11]);
  });

  it('splits more pictures than a call can have arguments', () => {
    const { training, heldOut } = splitHoldOut({ ...datasetOf([]), labelled: false, size: 500_000 }, 0.1);
    expect([training.length, heldOut.length]).toEqual([450_000, 50_000]);
  });

  it('refuses to leave one side empty', () => {
    expect(() => splitHoldOut(datasetOf([0, 1, 0]), 3)).toThrowError(/both sides of 3; found 3/);
    expect(() => splitHoldOut(datasetOf([0, 1, 0]), 0.1)).toThrowError(/both sides/);
  });
});
