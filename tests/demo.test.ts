import { runDemo } from '@offramp/example-fashion-mnist';
import { describe, expect, it } from 'vitest';

describe('the demo', () => {
  it('keeps a goal through a drift and the loss of the worker, and answers every picture exactly once', {
    timeout: 170_000,
  }, async () => {
    const summary = await runDemo({ keep: false, signal: new AbortController().signal });
    expect(summary).toMatchObject({
      ...{ pictures: 10_000, unanswered: 0, repeated: 0, failed: 0, countsReconcile: true },
      goal: 0.98,
    });
    if (!summary) return;
    const { bundle, goal, unnoticed, protected: after, degraded } = summary.phases;
    const phases = [bundle, goal, unnoticed, after, degraded];
    expect(phases.reduce((sum, { answers }) => sum + answers, 0)).toBe(10_000);
    for (const { answers } of phases) expect(answers).toBeGreaterThan(0);

    // Cheaper thresholds were tried by some, then given to all.
    expect(summary.events).toEqual(expect.arrayContaining(['goals-set', 'canary', 'promoted', 'drift']));
    expect(goal.cost).toBeLessThan(0.2);
    // These pictures are a third of all, which may lie a little below what all of them have.
    expect(goal.agreement).toBeGreaterThan(0.975);

    expect(unnoticed.agreement).toBeLessThan(0.97);
    expect(summary.noticedAfter).toBeLessThan(2_000);
    expect(after.agreement).toBeGreaterThanOrEqual(0.98);
    // Nobody left early at first; then audits proved that some may.
    expect(after.cost).toBeGreaterThan(goal.cost);
    expect(after.cost).toBeLessThan(1);
  });
});
