import { fileURLToPath } from 'node:url';
import { Bundle, elementsOf, smallestInput } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';
import { expect, test } from 'vitest';
import { planBundle } from './plan-bundle.js';

const bundlePath = fileURLToPath(new URL('../../../examples/fashion-mnist/bundle', import.meta.url));
const link = { bytesPerSecond: 250_000, rttMs: 40 };
const options = { link, deviceSlowdown: 8, workerSlowdown: 1, sendInput: false, repetitions: 3 };

test('shares, times, sizes and costs of the example', async () => {
  const bundle = await Bundle.open(bundlePath);
  const { stages, calibration } = bundle.manifest;
  const input = await planBundle(bundle, options);
  expect(input.exitShares.reduce((sum, share) => sum + share)).toBeCloseTo(1);
  expect(Math.round((input.exitShares[0] ?? 0) * calibration.samples)).toBeGreaterThan(0);
  input.deviceStageMs.forEach((ms, stage) => {
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(ms).toBeCloseTo((input.cloudStageMs[stage] ?? 0) * 8);
  });
  expect(input.requestBytes).toHaveLength(stages.length);
  const activations = stages.slice(0, -1).map(({ codec, learned, activationShape }) => {
    return (learned ?? codec)?.meanBytes ?? elementsOf(activationShape ?? []) * 4;
  });
  const pictures = stages.map((_, stage) => smallestInput(bundle.manifest, stage).bytes);
  [pictures[0] as number, ...activations].forEach((payload, stage) => {
    expect(input.requestBytes[stage]).toBeGreaterThan(payload);
    expect(input.requestBytes[stage]).toBeLessThan(payload * 1.01 + 200);
    expect(input.inputRequestBytes[stage]).toBeGreaterThan(pictures[stage] as number);
    expect(input.inputRequestBytes[stage]).toBeLessThan((pictures[stage] as number) * 1.01 + 200);
  });
  expect(input.stageCosts.reduce((sum, cost) => sum + cost)).toBeGreaterThan(1);
  expect(input.answerBytes).toBeLessThan(300);
});

test('under thresholds above 1 everything reaches the final exit; a wrong number of them is refused', async () => {
  const bundle = await Bundle.open(bundlePath);
  const { exitShares } = await planBundle(bundle, { ...options, thresholds: neverExit(bundle.branches) });
  expect(exitShares.at(-1)).toBe(1);
  await expect(
    planBundle(bundle, { ...options, thresholds: neverExit(bundle.branches + 1) }),
  ).rejects.toMatchObject({ code: 'POLICY_INVALID' });
});
