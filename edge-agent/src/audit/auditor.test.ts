import { Bundle, type CascadeEnd } from '@offramp/bundle';
import { type ExitOutcome, neverExit } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import { ManualClock } from '@offramp/runtime/testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OffloadAudit, OffloadAuditOutcome } from '../offload/audit-queue.js';
import { SampleWriter } from '../offload/sample-writer.js';
import { exampleBundleDirectory } from '../testing/example.js';
import type { AuditEvent } from './audit-event.js';
import { type AuditCandidate, Auditor, type AuditorParts } from './auditor.js';

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
});

const outcome = (exit: number, label = 1): ExitOutcome => ({ exit, label, confidence: 0.5 });
const outcomes = (...labels: number[]) => labels.map((label, exit) => outcome(exit, label));
const settle = () => new Promise((resolve) => setImmediate(resolve));

let events: AuditEvent[];
let asked: OffloadAudit[];
let workerSays: OffloadAuditOutcome;
let clock: ManualClock;
beforeEach(() => {
  events = [];
  asked = [];
  clock = new ManualClock();
});

/** Answers like stages and workers: every exit says 1, unless the test says otherwise. */
function auditorOf(parts: Partial<AuditorParts> & { deviceStages: number }): Auditor {
  const { deviceStages } = parts;
  const final = { left: outcome(bundle.branches) };
  const cascade: AuditorParts['cascade'] = {
    run: async (sample): Promise<CascadeEnd> => {
      expect(sample.thresholds).toEqual(neverExit(bundle.branches));
      for (let exit = 0; exit < Math.min(deviceStages, bundle.branches); exit++)
        sample.passed.push(outcome(exit));
      return deviceStages > bundle.branches ? final : { activation: activation() };
    },
  };
  const link: AuditorParts['link'] = {
    accepted: new Set([1, 2, 3]),
    audit: async (audit) => {
      asked.push(audit);
      return audit.write(new Set([1, 2, 3])) ? workerSays : { dropped: 'budget' };
    },
  };
  return new Auditor({
    bundle,
    cascade,
    link,
    writer: new SampleWriter(bundle.manifest, Math.min(deviceStages, bundle.branches), false),
    clock,
    random: () => 0,
    onEvent: (event) => events.push(event),
    ...parts,
  });
}

const activation = () => new Float32Array(elements(bundle.manifest.stages[1]?.inputShape ?? []));
const elements = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const candidate = (labels: number[], differing: Partial<AuditCandidate['policy']> = {}): AuditCandidate => ({
  policy: {
    version: 7,
    thresholds: new Array(bundle.branches).fill(0.5),
    auditRate: 0.5,
    maxAuditBytesPerHour: 10_000_000,
    latencyTargetMs: null,
    ...differing,
  },
  outcomes: outcomes(...labels),
  input: new Float32Array(elements(bundle.manifest.input.shape)),
  end: null,
});
const fromWorker = (first: number, last = bundle.branches): OffloadAuditOutcome => ({
  answer: { outcome: outcome(last), passed: outcomes(...new Array(last).fill(1)).slice(first) },
});
const kinds = () => events.map((event) => (event.kind === 'dropped' ? event.reason : event.kind));

describe('Auditor', () => {
  it('chooses the share that the policy says, by the random numbers passed in', async () => {
    const numbers = [0.1, 0.5, 0.49, 0.9];
    const auditor = auditorOf({ deviceStages: bundle.branches + 1, random: () => numbers.shift() as number });
    for (let i = 0; i < 4; i++) auditor.consider(candidate([1]));
    auditor.consider(candidate([1], { auditRate: 0 }));
    await settle();
    expect(kinds()).toEqual(['chosen', 'chosen', 'ended', 'ended']);
    expect(numbers).toHaveLength(0);
  });

  it('runs a sample on through the stages that the device holds, and keeps the outcomes of its exits', async () => {
    auditorOf({ deviceStages: bundle.branches + 1 }).consider(candidate([2, 1]));
    await settle();
    const exits = Array.from({ length: bundle.branches }, (_, exit) => ({
      bin: expect.any(Number),
      agreed: exit !== 0,
    }));
    expect(events.at(-1)).toEqual({ policyVersion: 7, kind: 'ended', record: { leftAt: 1, exits } });
    expect(asked).toHaveLength(0);
  });

  it('sends the rest to a worker, with thresholds that no confidence reaches', async () => {
    workerSays = fromWorker(1);
    auditorOf({ deviceStages: 1 }).consider(candidate([2]));
    await settle();
    expect(kinds()).toEqual(['chosen', 'sent', 'ended']);
    expect(events.at(-1)).toMatchObject({ record: { leftAt: 0 } });
    expect(asked[0]?.write(new Set([1]))).toMatchObject({ stage: 1, thresholds: neverExit(bundle.branches) });
  });

  it('does not run the device’s stages again for a sample that a worker answered', async () => {
    workerSays = fromWorker(1);
    const cascade = { run: () => Promise.reject(new Error('not needed')) };
    const auditor = auditorOf({ deviceStages: 1, cascade });
    auditor.consider({ ...candidate([1, 2]), end: { activation: activation() } });
    await settle();
    expect(events.at(-1)).toMatchObject({ record: { leftAt: 1, exits: { 1: { agreed: false } } } });
  });

  it('runs nothing for a sample that reached the final exit', () => {
    const labels = new Array<number>(bundle.branches + 1).fill(1);
    auditorOf({ deviceStages: 1, link: null }).consider(candidate(labels));
    expect(kinds()).toEqual(['chosen', 'ended']);
    expect(events.at(-1)).toMatchObject({ record: { leftAt: bundle.branches } });
  });

  it('keeps to its budget of bytes', async () => {
    workerSays = fromWorker(1);
    const auditor = auditorOf({ deviceStages: 1 });
    auditor.consider(candidate([1], { maxAuditBytesPerHour: 100 }));
    await settle();
    auditor.consider(candidate([1], { maxAuditBytesPerHour: 100 }));
    await settle();
    expect(kinds()).toEqual(['chosen', 'sent', 'ended', 'chosen', 'budget']);
    expect(asked).toHaveLength(1);
  });

  it('drops audits without a free place or a worker, and on a wrong answer of the worker', async () => {
    auditorOf({ deviceStages: 1, link: null }).consider(candidate([1]));
    expect(kinds()).toEqual(['chosen', 'failed']);

    const crowded = auditorOf({ deviceStages: 1, cascade: { run: () => new Promise(() => undefined) } });
    events = [];
    for (let i = 0; i < 17; i++) crowded.consider(candidate([1]));
    expect(kinds().filter((kind) => kind === 'busy')).toHaveLength(1);
    crowded.stop();
    crowded.consider(candidate([1]));
    expect(kinds().filter((kind) => kind === 'failed')).toHaveLength(16);
    expect(kinds().filter((kind) => kind === 'chosen')).toHaveLength(17);

    events = [];
    const dropped = auditorOf({ deviceStages: 1 });
    for (const says of [fromWorker(2), fromWorker(1, bundle.branches - 1), { dropped: 'busy' as const }]) {
      workerSays = says;
      dropped.consider(candidate([1]));
      await settle();
    }
    expect(kinds().filter((kind) => kind !== 'chosen' && kind !== 'sent')).toEqual([
      'failed',
      'failed',
      'busy',
    ]);

    events = [];
    const run = () => Promise.reject(new OfframpError('STOPPING', 'closed'));
    auditorOf({ deviceStages: 1, cascade: { run } }).consider(candidate([1]));
    await settle();
    expect(kinds()).toEqual(['chosen', 'failed']);
  });
});
