import { expect, test } from 'vitest';
import { type PlanInput, planSplits, recommendSplit, type SplitPlan } from './split-plan.js';

/** Half leave at the first exit, a quarter each at the others; a kilobyte takes a millisecond. */
const input: PlanInput = {
  exitShares: [0.5, 0.25, 0.25],
  deviceStageMs: [10, 20, 30],
  cloudStageMs: [1, 2, 3],
  stageCosts: [0.25, 0.25, 0.5],
  requestBytes: [3_000, 8_000, 2_000],
  inputRequestBytes: [3_000, 4_000, 5_000],
  answerBytes: 100,
  sendInput: false,
  link: { bytesPerSecond: 1_000_000, rttMs: 40 },
};

test('each number of stages on the device, by hand', () => {
  const [none, one, two, all] = planSplits(input) as [SplitPlan, SplitPlan, SplitPlan, SplitPlan];
  expect(none).toMatchObject({
    deviceStages: 0,
    meanMs: expect.closeTo(43.1 + 0.5 * 1 + 0.25 * 3 + 0.25 * 6),
    p50Ms: expect.closeTo(44.1),
    p95Ms: expect.closeTo(49.1),
    offloadShare: 1,
    meanBytes: 3_000,
    cloudCost: 0.5 * 0.25 + 0.25 * 0.5 + 0.25 * 1,
    deviceMs: 0,
  });
  expect(one).toMatchObject({
    deviceStages: 1,
    meanMs: expect.closeTo(10 + 0.5 * 48.1 + 0.25 * 2 + 0.25 * 5),
    p50Ms: 10,
    p95Ms: expect.closeTo(10 + 48.1 + 5),
    offloadShare: 0.5,
    offloadBytes: 8_000,
    meanBytes: 4_000,
    cloudCost: 0.25 * 0.25 + 0.25 * 0.75,
    deviceMs: 10,
    maxSamplesPerSecond: expect.closeTo(100),
  });
  expect(two).toMatchObject({ offloadShare: 0.25, cloudCost: 0.125, deviceMs: expect.closeTo(20) });
  expect(all).toMatchObject({
    deviceStages: 3,
    meanMs: expect.closeTo(0.5 * 10 + 0.25 * 30 + 0.25 * 60),
    p50Ms: 10,
    p95Ms: 60,
    offloadShare: 0,
    offloadBytes: 0,
    meanBytes: 0,
    cloudCost: 0,
  });
});

test('where the input may be sent, it is, if the activation is larger; the worker starts over then', () => {
  const [, one, two, all] = planSplits({ ...input, sendInput: true }) as SplitPlan[];
  expect(one).toMatchObject({
    sendsInput: true,
    meanMs: expect.closeTo(10 + 0.5 * 44.1 + 0.25 * 3 + 0.25 * 6),
    offloadBytes: 4_000,
    meanBytes: 2_000,
    cloudCost: 0.25 * 0.5 + 0.25 * 1,
  });
  expect(two).toMatchObject({ sendsInput: false, offloadBytes: 2_000, cloudCost: 0.125 });
  expect(all).toMatchObject({ offloadBytes: 0, meanBytes: 0 });
});

test('a narrow link bounds what a device can keep up with', () => {
  const plans = planSplits({ ...input, link: { bytesPerSecond: 40_000, rttMs: 0 } });
  expect(plans[1]?.maxSamplesPerSecond).toBeCloseTo(10);
});

test('where exactly half leave early, they are the median', () => {
  const thirds = planSplits({ ...input, exitShares: [0.1 + 0.2, 0.2, 0.5] });
  expect(thirds[3]?.p50Ms).toBe(30);
});

const plan = (deviceStages: number, meanMs: number, cloudCost: number) =>
  ({ deviceStages, meanMs, cloudCost }) as SplitPlan;

test('the fastest is recommended, unless one that is about as fast needs less of the cloud', () => {
  expect(recommendSplit([plan(1, 10, 0.9), plan(2, 11, 0.1)]).deviceStages).toBe(1);
  expect(recommendSplit([plan(1, 10, 0.9), plan(2, 10.4, 0.1), plan(3, 10.5, 0.2)]).deviceStages).toBe(2);
});

test('what is best turns with link and device', () => {
  const best = (link: PlanInput['link'], slowdown: number) => {
    const deviceStageMs = input.cloudStageMs.map((ms) => ms * slowdown);
    return recommendSplit(planSplits({ ...input, deviceStageMs, link }).slice(1)).deviceStages;
  };
  expect(best({ bytesPerSecond: 10_000, rttMs: 200 }, 10)).toBe(3);
  expect(best({ bytesPerSecond: 100_000_000, rttMs: 1 }, 10)).toBe(1);
});
