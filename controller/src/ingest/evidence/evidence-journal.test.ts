import { expect, it } from 'vitest';
import type { NewEvidence } from '../../decide/model/evidence.js';
import { checkedReport } from '../../testing/sample-report.js';
import { EvidenceJournal } from './evidence-journal.js';

const evidence = (samples: number) =>
  checkedReport({ evidence: [{ policyVersion: 1, samples, left: [samples, 0, 0] }] }).evidence;
const total = ({ parts }: NewEvidence) => parts.reduce((sum, { counts }) => sum + counts.samples, 0);
const samplesSince = (journal: EvidenceJournal, sequence: number) => total(journal.since(sequence));
const add = (journal: EvidenceJournal, sequence: number, samples: number, room: number, device = 'cam-1') =>
  journal.add(
    { sequence, storedAtMs: 10 * sequence },
    { device, bundleDigest: 'bundle' },
    evidence(samples),
    room,
  );

it('loses no evidence that was not read, however small its limit', () => {
  const journal = new EvidenceJournal();
  for (let sequence = 1; sequence <= 1_000; sequence++) add(journal, sequence, sequence, 5);
  expect(samplesSince(journal, 0)).toBe(500_500);
  expect(journal.since(0)).toMatchObject({ upTo: 1_000, storedUpToMs: 10_000 });
});

it('counts nothing twice from any start', () => {
  const journal = new EvidenceJournal();
  for (let sequence = 1; sequence <= 100; sequence++) add(journal, sequence, 1, 6);
  for (let from = 0; from <= 100; from++) expect(samplesSince(journal, from)).toBeLessThanOrEqual(100 - from);
  expect(samplesSince(journal, 99)).toBe(1);
});

it('does not change results that it has returned', () => {
  const journal = new EvidenceJournal();
  add(journal, 1, 3, 2);
  const [told] = journal.since(0).parts;
  add(journal, 2, 4, 2);
  expect(samplesSince(journal, 0)).toBe(7);
  expect(samplesSince(journal, 0)).toBe(7);
  expect(told?.counts.samples).toBe(3);
});

it('keeps devices separate when it joins chunks, and ignores evidence that was forgotten before it arrived', () => {
  const journal = new EvidenceJournal();
  journal.keepSeparate(new Set(['blind']));
  journal.forget(10);
  for (let sequence = 1; sequence <= 110; sequence++)
    add(journal, sequence, 1, 4, sequence % 2 ? 'blind' : `cam-${sequence}`);
  const { parts } = journal.since(0);
  const of = (which: boolean) =>
    total({ ...journal.since(0), parts: parts.filter(({ device }) => (device === 'blind') === which) });
  expect([of(true), of(false)]).toEqual([50, 50]);
});
