import type { InputSpecification } from '@offramp/bundle';
import { describe, expect, it } from 'vitest';
import { alignLabels } from './align-labels.js';
import { fittedFrom, type PictureDataset } from './dataset.js';
import { subsetOf, withoutLabels } from './subset.js';

function dataset(classNames: string[] | null, labels: (number | null)[] = []): PictureDataset {
  const labelAt = (index: number) => labels[index] ?? null;
  const read: PictureDataset['read'] = async (index) => ({
    ...{ name: `#${index}`, label: labelAt(index) },
    picture: { pixels: Uint8Array.of(index), height: 1, width: 1, channels: 1 },
  });
  return {
    nameAt: (index) => `#${index}`,
    ...{ description: 'made up', size: labels.length, labelled: true, classNames, labelAt },
    ...{ read, readFitted: fittedFrom(read) },
  };
}

describe('alignLabels', () => {
  it('maps by name if the data carry names', () => {
    const align = alignLabels(dataset(['bird', 'cat']), ['cat', 'dog', 'bird']);
    expect([0, 1, null].map(align)).toEqual([2, 0, null]);
  });

  it('maps by index if they do not', () => {
    const align = alignLabels(dataset(null), ['cat', 'dog']);
    expect([0, 1, null].map(align)).toEqual([0, 1, null]);
  });

  it.each([
    ['by index', null],
    ['by name', ['cat', 'dog']],
  ])('refuses a label beyond the classes, %s', (_, classNames) => {
    expect(() => alignLabels(dataset(classNames), ['cat', 'dog'])(2)).toThrow(
      expect.objectContaining({
        code: 'DATA_INVALID',
        message: expect.stringMatching(/made up: expected labels below 2, .*; found 2/),
      }),
    );
  });

  it('refuses classes that the bundle does not have', () => {
    expect(() => alignLabels(dataset(['cat', 'fish']), ['cat', 'dog'])).toThrow(
      expect.objectContaining({
        code: 'DATA_INVALID',
        message: 'made up: expected classes named cat, dog; found fish',
      }),
    );
  });
});

describe('subsetOf', () => {
  it('has the given samples, in that order, repeated if asked', async () => {
    const subset = subsetOf(dataset(['a', 'b'], [0, 1, null]), [2, 0, 0]);
    expect(subset).toMatchObject({ size: 3, classNames: ['a', 'b'], description: '3 of made up' });
    expect([0, 1, 2].map((index) => subset.labelAt(index))).toEqual([null, 0, 0]);
    expect((await subset.read(0)).name).toBe('#2');
    expect([0, 1, 2].map((index) => subset.nameAt(index))).toEqual(['#2', '#0', '#0']);
  });
});

describe('withoutLabels', () => {
  it('has the same samples without their classes', async () => {
    const labelled = dataset(['a', 'b'], [0, 1]);
    const unlabelled = withoutLabels(labelled);
    expect(unlabelled).toMatchObject({ size: 2, labelled: false, classNames: null, description: 'made up' });
    expect(unlabelled.labelAt(1)).toBeNull();
    expect(unlabelled.nameAt(1)).toBe('#1');
    const input: InputSpecification = { shape: [1, 1, 1], preprocessing: { mean: [0], std: [1] } };
    const sample = { ...(await labelled.readFitted(1, input)), label: null };
    expect(await unlabelled.readFitted(1, input)).toEqual(sample);
    expect(alignLabels(unlabelled, ['cat'])(unlabelled.labelAt(0))).toBeNull();
  });
});
