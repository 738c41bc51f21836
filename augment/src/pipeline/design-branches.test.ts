import { describe, expect, it } from 'vitest';
import { distinctCutPoints } from './design-branches.js';

describe('distinctCutPoints', () => {
  const at = (tensor: string, cumulativeMacs: number, activationBytes: number) => ({
    tensor,
    shape: [activationBytes / 4],
    cumulativeMacs,
    cumulativeParameters: 0,
    activationBytes,
  });

  it('keeps the smallest, and the last of equally small ones', () => {
    const distinct = distinctCutPoints([
      at('conv', 10, 64),
      at('relu', 10, 64),
      at('conv2', 20, 64),
      at('pool', 20, 16),
      at('upsampled', 20, 64),
    ]);
    expect(distinct.map(({ tensor }) => tensor)).toEqual(['relu', 'pool']);
  });
});
