import { runDemo } from '@offramp/example-fashion-mnist';
import { describe, expect, it } from 'vitest';

describe('the demo', () => {
  it('answers every picture exactly once, with the worker killed in between', {
    timeout: 170_000,
  }, async () => {
    const summary = await runDemo({ keep: false, signal: new AbortController().signal });
    expect(summary).not.toBeNull();
    expect(summary).toMatchObject({
      pictures: 10_000,
      unanswered: 0,
      repeated: 0,
      failed: 0,
      countsReconcile: true,
    });
    expect(summary?.degradedShare).toBeGreaterThan(0);
    expect(summary?.agreementUndegraded).toBeGreaterThan(0.98);
    // Policy 1 lets only sure answers leave early, policy 2 most of them.
    const [own, strict, loose] = summary?.policies ?? [];
    expect(summary?.policies.map(({ version }) => version)).toEqual([0, 1, 2]);
    expect(strict?.offloaded).toBeGreaterThan(2 * (own?.offloaded ?? 1));
    expect(loose?.offloaded).toBeLessThan((strict?.offloaded ?? 0) / 2);
  });
});
