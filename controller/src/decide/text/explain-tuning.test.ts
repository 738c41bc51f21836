import { describe, expect, it } from 'vitest';
import type { Goal } from '../model/goals.js';
import { drawBinnedTable, SimulatedGroup } from '../testing/simulated-group.js';
import { explain } from './explain-tuning.js';

const agreement: Goal = { kind: 'agreement', floor: 0.98 };
const table = drawBinnedTable(1, 5_000);

function said(
  goals: readonly Goal[],
  windows: number,
  thresholds = [0.5, 0.5],
  traffic = { ease: 1, overconfidence: 1 },
) {
  const group = new SimulatedGroup(table, goals, { thresholds, auditRate: 0.02 });
  let text = '';
  for (let i = 0; i < windows; i++) {
    const { decision } = group.play(i < windows / 2 ? undefined : traffic);
    text = explain(goals, decision).join('\n');
    if (decision.drift) break;
  }
  return text;
}

describe('explain', () => {
  it('names goal, thresholds, proof, cost, and the limiting goal', () => {
    const text = said([agreement], 1);
    expect(text).toContain('The goal is agreement with the whole model on at least 98 % of samples.');
    expect(text).toMatch(/Thresholds are 0\.\d+, 0\.\d+\./);
    expect(text).toMatch(/With 95 % certainty it is at least 98(\.\d)? %, by held-out samples/);
    expect(text).toContain('not proven to meet the goal, so thresholds went up');
    expect(text).toContain('They cannot be lower because of: agreement');
  });

  it('describes a drift', () => {
    const text = said([agreement], 40, [0.5, 0.5], { ease: 0.4, overconfidence: 3 });
    expect(text).toMatch(
      /confidences have shifted: of the last [\d,]+ samples, \d+(\.\d)? % are distributed differently/,
    );
    expect(text).toContain('No sample exits early');
    expect(text).toContain('Every sample is an audit.');
    expect(text).not.toContain('chosen for audits');
  });

  it('describes thresholds that are not in force as proposed ones', () => {
    const group = new SimulatedGroup(table, [agreement], { thresholds: [0.5, 0.5], auditRate: 0.02 });
    const { decision } = group.play();
    expect(decision.reason).toBe('not-proven');
    const text = explain([agreement], decision, false).join('\n');
    expect(text).toMatch(/The controller would have 0\.\d+, 0\.\d+\./);
    expect(text).toContain('Lower ones are not proven to meet the goal.');
    expect(text).not.toContain('went');
  });

  it('names the unmet goal', () => {
    const text = said([agreement, { kind: 'offload', ceiling: 0.05 }], 10);
    expect(text).toContain('then, if possible, at most 5 % of samples to the cloud');
    expect(text).toContain('Not met: at most 5 % of samples to the cloud.');
  });

  it('describes every kind of goal', () => {
    expect(said([{ kind: 'latency', targetMs: 80, quantile: 0.95 }], 2)).toContain(
      '95 % of answers within 80 ms',
    );
    expect(said([{ kind: 'cloudSeconds', perSecond: 0.3 }], 2)).toContain(
      "0.3 s of workers' time per second",
    );
    expect(said([{ kind: 'agreement', floor: 0.999999 }], 1)).toContain('at least 99.9999 % of samples');
    expect(said([], 1)).toContain('No goal is set for this group.');
  });
});
