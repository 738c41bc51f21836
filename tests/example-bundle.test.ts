import { fileURLToPath } from 'node:url';
import { evaluateBundle } from '@offramp/augment';
import { Bundle, evaluateThresholds, exitCosts } from '@offramp/bundle';
import { openDataset } from '@offramp/data';
import { describe, expect, it } from 'vitest';

const example = fileURLToPath(new URL('../examples/fashion-mnist', import.meta.url));

describe("the example's bundle at its shipped thresholds", () => {
  it('keeps the agreement it promises and answers most pictures on the device', async () => {
    const bundle = await Bundle.open(`${example}/bundle`);
    const { manifest } = bundle;
    const pictures = await openDataset(`${example}/data`, { split: 'test' });
    const table = await evaluateBundle(bundle, pictures, { threads: 2 });
    const costs = exitCosts(manifest);
    const outcome = evaluateThresholds(table, manifest.policy.thresholds, costs);
    const onDevice = outcome.exitShares
      .slice(0, manifest.deviceStages)
      .reduce((sum, share) => sum + share, 0);

    expect(table.samples).toBe(10_000);
    expect(outcome.agreement).toBeGreaterThanOrEqual(0.98);
    expect(onDevice).toBeGreaterThanOrEqual(0.75);
    expect(costs[manifest.deviceStages - 1]).toBeLessThanOrEqual(0.45);
  });
});
