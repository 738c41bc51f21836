import { describe, expect, it } from 'vitest';
import type { BranchBody } from './body.js';
import type { BranchDesign } from './branch-trainer.js';
import { candidateDesigns } from './candidates.js';

const bodies: BranchBody[] = [
  { kind: 'conv2', grid: 2, reduce: 'pool' },
  { kind: 'pool', grid: 4, reduce: 'none' },
];
const always = () => true;
const cutPoint = (cumulativeMacs: number, shape = [8, 4, 4]) => ({
  tensor: `at ${cumulativeMacs}`,
  shape,
  cumulativeMacs,
  cumulativeParameters: 0,
  activationBytes: 512,
});
const macsOf = (designs: ReturnType<typeof candidateDesigns>) => [
  ...new Set(designs.map((design) => design.cutPoint.cumulativeMacs)),
];

describe('candidateDesigns', () => {
  it('tries pooling only where convolution does not pay, and nothing where neither does', () => {
    const pays = ({ cutPoint, body }: BranchDesign) =>
      cutPoint.cumulativeMacs < (body.kind === 'pool' ? 80 : 50);
    const designs = candidateDesigns(
      [0, 60, 90].map((macs) => cutPoint(macs)),
      100,
      bodies,
      pays,
    );
    expect(designs.map(({ cutPoint, body }) => [cutPoint.cumulativeMacs, body.kind])).toEqual([
      [0, 'conv2'],
      [60, 'pool'],
    ]);
  });

  it('tries every convolution at every cut point before the end', () => {
    const designs = candidateDesigns(
      [0, 30, 60, 100].map((macs) => cutPoint(macs)),
      100,
      bodies,
      always,
    );
    expect(macsOf(designs)).toEqual([0, 30, 60]);
    expect(designs.map(({ body }) => body.kind)).toEqual(Array(3).fill('conv2'));
    expect(designs.every(({ reuse }) => reuse === 'none')).toBe(true);
  });

  it('tries convolution over time, too', () => {
    const overTime = { ...cutPoint(10, [16, 128]), layout: 'channels-first' as const };
    const designs = candidateDesigns([overTime], 100, bodies, always);
    expect(designs.map(({ body }) => body.kind)).toEqual(['conv2']);
  });

  it('has one body for tokens and vectors', () => {
    const designs = candidateDesigns([cutPoint(10, [65, 32]), cutPoint(20, [32])], 100, bodies, always);
    expect(designs.map(({ body }) => body.kind)).toEqual(['pool', 'pool']);
  });

  it('spreads over the cost if there are many, including the first', () => {
    const crowded = [...Array.from({ length: 50 }, (_, i) => i), ...[55, 60, 70, 80, 90, 99]];
    const macs = macsOf(
      candidateDesigns(
        crowded.map((at) => cutPoint(at)),
        100,
        bodies,
        always,
      ),
    );
    expect(macs).toHaveLength(10);
    expect(macs[0]).toBe(0);
    expect(macs.filter((at) => at >= 50).length).toBeGreaterThanOrEqual(4);
  });
});
