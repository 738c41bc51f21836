import { bodyKinds, bodyReductions, elementsOf } from '@offramp/bundle';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../autodiff/graph-builder.js';
import type { Layout } from '../onnx/input-layout.js';
import { type BranchBody, buildBody } from './body.js';

const build = (shape: number[], body: BranchBody, layout?: Layout) => {
  const g = new GraphBuilder();
  const activation = layout ? { shape, layout } : { shape };
  const { features, macs } = buildBody(g, g.input('x', [2, ...shape]), activation, body, 'branch');
  return {
    width: features.shape[1] as number,
    rank: features.shape.length,
    macs,
    parameters: [...g.parameters],
  };
};

describe('buildBody', () => {
  it.each(bodyKinds)('makes features of any activation: %s', (kind) => {
    for (const shape of [[16, 32, 32], [64, 7, 7], [8, 3, 5], [9, 24], [50]]) {
      for (const reduce of bodyReductions) {
        const { rank, width } = build(shape, { kind, grid: 2, reduce });
        expect(rank).toBe(2);
        expect(width).toBeGreaterThan(0);
      }
    }
  });

  it('convolves over time where that is the only side, whatever the order of the axes', () => {
    const body: BranchBody = { kind: 'conv2', grid: 2, reduce: 'pool' };
    // 6 → 32 at 256 / 4, then 32 → 64 at 64 / 4, five steps each.
    const macs = 64 * 32 * 6 * 5 + 16 * 64 * 32 * 5;
    const found = [
      build([6, 256], body, 'channels-first'),
      build([6, 1, 256], body),
      build([1, 256, 6], body, 'channels-last'),
    ];
    expect(found.map((made) => [made.macs, made.width])).toEqual(Array(3).fill([macs, 64 * 2]));
  });

  it('convolves a map whose channels come last as one whose channels come first', () => {
    const body: BranchBody = { kind: 'conv1', grid: 2, reduce: 'stride' };
    expect(build([16, 12, 8], body, 'channels-last').macs).toBe(build([8, 16, 12], body).macs);
  });

  it('has the cost of its convolutions', () => {
    // 16 → 32 at 32×32, then 32 → 64 at 16×16.
    const { macs, width } = build([16, 32, 32], { kind: 'conv2', grid: 2, reduce: 'none' });
    expect(macs).toBe(32 * 32 * 32 * 16 * 9 + 16 * 16 * 64 * 32 * 9);
    expect(width).toBe(64 * 2 * 2);
  });

  it('costs a quarter in its first block when that is reduced by pooling, less when depthwise', () => {
    const cost = (reduce: BranchBody['reduce']) =>
      build([16, 32, 32], { kind: 'conv1', grid: 2, reduce }).macs;
    expect(cost('pool')).toBe(cost('none') / 4);
    expect(cost('stride')).toBe(cost('none') / 4);
    expect(cost('depthwise')).toBeLessThan(cost('pool') / 2);
  });

  it('uses the first token and the mean of all, each normalised', () => {
    const { width, macs, parameters } = build([9, 24], { kind: 'pool', grid: 2, reduce: 'none' });
    expect([width, macs]).toEqual([48, 0]);
    expect(parameters.map(([name]) => name)).toEqual([
      'branch.first_norm.scale',
      'branch.first_norm.bias',
      'branch.mean_norm.scale',
      'branch.mean_norm.bias',
    ]);
  });

  it('names its parameters after the branch', () => {
    const { parameters } = build([16, 8, 8], { kind: 'conv2', grid: 1, reduce: 'none' });
    expect(parameters.map(([name]) => name)).toContain('branch.block1.weights');
    expect(
      parameters.every(([name, { tensor }]) => name.startsWith('branch.') && elementsOf(tensor.shape) > 0),
    ).toBe(true);
  });
});
