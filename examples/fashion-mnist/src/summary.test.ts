import { Bundle, usualInput } from '@offramp/bundle';
import type { FleetEvent } from '@offramp/controller';
import { expect, it } from 'vitest';
import type { AnswerLine } from './answers.js';
import { bundlePath } from './paths.js';
import { keepsPromises, renderSummary, summarise } from './summary.js';

const event = (kind: FleetEvent['kind'], policyVersion = 0): FleetEvent => ({
  ...{ sequence: 1, at: new Date(0), group: 'cameras', device: '', kind, severity: 'info', text: '' },
  ...{ author: '', policyVersion, thresholds: [], explanation: [], facts: null },
});
const events = [
  event('policy', 1),
  event('canary', 2),
  event('promoted', 2),
  event('drift'),
  event('policy', 3),
];
/** One picture per phase; the whole model answers 7 for all. */
const taken: [name: string, dusk: boolean, answer: Partial<AnswerLine>][] = [
  ['bundle', false, { policyVersion: 0 }],
  ['goal', false, { policyVersion: 2 }],
  ['unnoticed', true, { policyVersion: 2, labelIndex: 3 }],
  ['protected', true, { policyVersion: 3, exit: 5, offloaded: true }],
  ['degraded', true, { policyVersion: 3, degraded: true }],
];
const answers = taken.map(([sample, , answer]): AnswerLine => {
  const plain = {
    labelIndex: 7,
    exit: 0,
    offloaded: false,
    degraded: false,
    policyVersion: 0,
    correct: true,
  };
  return { sample, ...plain, ...answer };
});
const backbone = new Map(taken.map(([name, dusk]) => [name, { labelIndex: 7, correct: true, dusk }]));

it('assigns pictures to phases by the thresholds they were answered under', async () => {
  const { manifest } = await Bundle.open(bundlePath);
  const records = { manifest, goal: 0.98, answers, backbone, devices: [], events };
  const summary = summarise(records);
  expect(summary).toMatchObject({ pictures: 5, unanswered: 0, repeated: 0, failed: 0, noticedAfter: 1 });
  expect(Object.values(summary.phases).map(({ answers: count }) => count)).toEqual([1, 1, 1, 1, 1]);
  expect(summary.phases.unnoticed.agreement).toBe(0);
  expect(summary.phases.protected).toMatchObject({ agreement: 1, offloaded: 1 });
  expect(summary.phases.protected.cost).toBeGreaterThan(1);
  expect(summary.all.agreement).toBeCloseTo(0.8);
  // The controller has counted nothing.
  expect(summary.countsReconcile).toBe(false);
  expect(keepsPromises(summary)).toBe(false);
  expect(keepsPromises({ ...summary, countsReconcile: true })).toBe(true);
  for (const line of renderSummary(summary).split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  const { form, bytes } = usualInput(manifest);
  expect(renderSummary({ ...summary, sentBytes: 2 * bytes })).toMatch(
    new RegExp(`^ {10}100 % more than every picture as ${form}`, 'm'),
  );
});

it('says what is missing', async () => {
  const { manifest } = await Bundle.open(bundlePath);
  const [, ...others] = answers;
  const doubled = [...others, ...others.slice(0, 1)];
  const records = {
    manifest,
    goal: 0.98,
    answers: doubled,
    backbone,
    devices: [],
    events: events.slice(0, 3),
  };
  const summary = summarise(records);
  expect(summary).toMatchObject({ unanswered: 1, repeated: 1, noticedAfter: null });
  expect(keepsPromises({ ...summary, countsReconcile: true })).toBe(false);
  expect(renderSummary(summary)).toContain('NOT detected');
});
