import { EvidenceCounts, v1 } from '@offramp/contracts';
import { decoded } from '@offramp/contracts/testing';
import { expect, test } from 'vitest';
import { answeredResult } from '../testing/results.js';
import { EvidenceByPolicy } from './evidence-by-policy.js';

const branches = 2;
const under = (policyVersion: number, exit = 0) => answeredResult(exit, { answer: { policyVersion } });

test('samples and audits count for the policy that the sample started under', () => {
  const evidence = new EvidenceByPolicy(branches);
  for (const version of [2, 1, 2]) evidence.countAnswer(under(version));
  evidence.countAudit({ policyVersion: 1, kind: 'chosen' });
  evidence.countAudit({ policyVersion: 1, kind: 'sent', bytes: 40 });
  evidence.countAudit({ policyVersion: 1, kind: 'dropped', reason: 'failed' });
  evidence.countAudit({ policyVersion: 2, kind: 'chosen' });
  const exits = [0, 1].map(() => ({ bin: 40, agreed: true }));
  evidence.countAudit({ policyVersion: 2, kind: 'ended', record: { leftAt: 0, exits } });
  const messages = evidence.toMessages();
  expect(messages).toMatchObject([
    { policyVersion: 1, samples: 1, auditsChosen: 1, auditBytes: 40, auditsDropped: { failed: 1 } },
    { policyVersion: 2, samples: 2, auditsChosen: 1, audited: 1 },
  ]);
  const read = messages.map((message) =>
    EvidenceCounts.fromMessage(decoded(v1.Evidence, message), branches, { maxRecords: 9 }).view(0),
  );
  expect(read.map(({ latency }) => latency.count)).toEqual([1, 2]);
  expect(read[1]?.records).toEqual([{ leftAt: 0, exits }]);
});

test('late answers count by exit, under a policy with a target', () => {
  const evidence = new EvidenceByPolicy(branches);
  for (const late of [true, false, true]) {
    evidence.countAnswer(answeredResult(1, { late, answer: { policyVersion: 2 } }));
  }
  evidence.countAnswer(under(1));
  expect(evidence.toMessages()).toMatchObject([
    { policyVersion: 1, late: [] },
    { policyVersion: 2, late: [0, 2, 0] },
  ]);
});

test('samples that a worker refused count for their policy', () => {
  const evidence = new EvidenceByPolicy(branches);
  for (const refused of [true, false]) {
    const sent = { encoding: 1, bytes: 9, stage: 1, refused };
    evidence.countAnswer(
      answeredResult(0, { sent, answer: { policyVersion: 2, degraded: true, offloaded: true } }),
    );
  }
  evidence.countAnswer(under(1));
  expect(evidence.toMessages()).toMatchObject([
    { policyVersion: 1, refusedByWorker: 0 },
    { policyVersion: 2, degraded: 2, refusedByWorker: 1 },
  ]);
});

test('latencies are reported once: with one policy, only the window has them', () => {
  const evidence = new EvidenceByPolicy(branches);
  evidence.countAnswer(under(2));
  expect(evidence.toMessages()[0]?.latencySketch).toHaveLength(0);
});

test('keeps the newest policies, and counts the samples of others', () => {
  const evidence = new EvidenceByPolicy(branches);
  for (let version = 0; version < 10; version++) evidence.countAnswer(under(version));
  evidence.countAnswer(under(0));
  evidence.countAudit({ policyVersion: 0, kind: 'chosen' });
  expect(evidence.toMessages().map(({ policyVersion }) => policyVersion)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  expect(evidence.dropped).toBe(4);

  const older = new EvidenceByPolicy(branches);
  older.countAnswer(under(1));
  evidence.merge(older);
  expect(evidence.dropped).toBe(5);
});

test('a report fits into a JetStream message for every bundle', () => {
  const most = 255;
  const evidence = new EvidenceByPolicy(most);
  for (let version = 0; version < 10; version++) {
    for (let i = 0; i < 500; i++) {
      const exit = i % most;
      const passed = Array.from({ length: exit }, (_, at) => ({
        exit: at,
        label: 0,
        confidence: ((at + i) % 128) / 128,
      }));
      evidence.countAnswer(answeredResult(exit, { passed, answer: { policyVersion: version } }));
      const exits = Array.from({ length: most }, (_, at) => ({ bin: (at + i) % 128, agreed: i % 2 === 0 }));
      evidence.countAudit({ policyVersion: version, kind: 'ended', record: { leftAt: exit, exits } });
    }
  }
  const bytes = v1.Window.encode({ evidence: evidence.toMessages() }).finish().length;
  expect(bytes).toBeLessThan(200 * 1024);
});
