import { expect, it } from 'vitest';
import { checkedReport } from '../testing/sample-report.js';
import { EvidenceJournal } from './evidence-journal.js';

const evidence = (samples: number) =>
  checkedReport({ evidence: [{ policyVersion: 1, samples, left: [samples, 0, 0] }] }).evidence;
const samplesSince = (journal: EvidenceJournal, sequence: number) =>
  journal.since(sequence).bundles[0]?.policies[0]?.counts.samples ?? 0;

it('loses nothing of what was not asked for, however little room there is', () => {
  const journal = new EvidenceJournal();
  for (let sequence = 1; sequence <= 1_000; sequence++)
    journal.add(sequence, 'bundle', evidence(sequence), 5);
  expect(samplesSince(journal, 0)).toBe(500_500);
  expect(journal.since(0).upTo).toBe(1_000);
});

it('counts nothing twice, from wherever one goes on', () => {
  const journal = new EvidenceJournal();
  for (let sequence = 1; sequence <= 100; sequence++) journal.add(sequence, 'bundle', evidence(1), 6);
  for (let from = 0; from <= 100; from++) expect(samplesSince(journal, from)).toBeLessThanOrEqual(100 - from);
  expect(samplesSince(journal, 99)).toBe(1);
});

it('does not change what it has told', () => {
  const journal = new EvidenceJournal();
  journal.add(1, 'bundle', evidence(3), 2);
  const [told] = journal.since(0).bundles;
  journal.add(2, 'bundle', evidence(4), 2);
  expect(samplesSince(journal, 0)).toBe(7);
  expect(samplesSince(journal, 0)).toBe(7);
  expect(told?.policies[0]?.counts.samples).toBe(3);
});
