import { binOf, EvidenceCounts } from '@offramp/contracts';
import { expect, it } from 'vitest';
import { renderEvidence } from './render-evidence.js';

it('shows exits and audits of each policy', () => {
  const counts = new EvidenceCounts(2, { maxRecords: 10 });
  for (const exit of [0, 0, 0, 1, 2]) {
    const passed = [0, 1].slice(0, exit).map((branch) => ({ exit: branch, label: 0, confidence: 0.3 }));
    const ended = { passed, exit, confidence: 0.9, degraded: false, offloaded: exit > 0, latencyMs: 20 };
    counts.countSample({ ...ended, late: exit === 2 });
  }
  for (const agreed of [true, true, false]) {
    counts.countAudit({
      leftAt: 0,
      exits: [agreed, true].map((agrees) => ({ bin: binOf(0.9), agreed: agrees })),
    });
  }
  counts.auditBytes = 2_048;
  counts.auditsDropped.busy = 2;
  const bundle = { bundleDigest: 'abcdef'.padEnd(64, '0'), branches: 2, policies: [counts.view(3)] };
  expect(renderEvidence({ bundles: [bundle], windowMs: 120_000 })).toEqual([
    'evidence of the last 2 min',
    '',
    'bundle abcdef000000',
    'POLICY  EXIT   LEFT   SHARE  AUDITED  AGREED',
    '     3  0         3  60.0 %        3  66.7 %',
    '        1         1  20.0 %        0       –',
    '        final     1  20.0 %',
    'policy 3: 5 samples, 40.0 % offloaded, 0.0 % degraded, p95 20 ms, 20.0 % late, 2.0 KiB for audits, audits dropped: 2 busy, 0 budget, 0 failed',
  ]);
  expect(renderEvidence({ bundles: [], windowMs: 0 })).toHaveLength(1);
});

it('shows samples that workers refused, if there are any', () => {
  const counts = new EvidenceCounts(1, { maxRecords: 10 });
  const passed = [{ exit: 0, label: 0, confidence: 0.3 }];
  for (const refusedByWorker of [true, false, false, false]) {
    const ended = { passed, exit: 0, confidence: 0.3, degraded: true, offloaded: true, latencyMs: 20 };
    counts.countSample({ ...ended, refusedByWorker });
  }
  const bundle = { bundleDigest: 'ab'.repeat(32), branches: 1, policies: [counts.view(3)] };
  expect(renderEvidence({ bundles: [bundle], windowMs: 1_000 }).at(-1)).toContain(
    '100 % degraded, 25.0 % refused by workers',
  );
});
