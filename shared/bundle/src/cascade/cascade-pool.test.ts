import { fileURLToPath } from 'node:url';
import type { ExitOutcome } from '@offramp/contracts';
import { neverExit } from '@offramp/contracts';
import { systemClock } from '@offramp/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bundle } from '../files/bundle.js';
import { InferencePool } from '../inference/inference-pool.js';
import { elementsOf } from '../shape.js';
import { type CascadeEnd, type CascadeSample, runStage } from './cascade.js';
import { CascadePool, type CascadePoolOptions } from './cascade-pool.js';

const directory = fileURLToPath(new URL('../../../../examples/fashion-mnist/bundle', import.meta.url));

let bundle: Bundle;
let reference: InferencePool;

beforeAll(async () => {
  bundle = await Bundle.open(directory);
  reference = await InferencePool.create(bundle);
});

afterAll(() => reference.close());

/** Synthetic input, different for each seed. */
const inputOf = (seed: number) =>
  Float32Array.from({ length: elementsOf(bundle.manifest.input.shape) }, (_, i) =>
    Math.sin(i * (0.1 + seed * 0.07) + seed),
  );

const sampleOf = (thresholds: readonly number[]): CascadeSample => ({ thresholds, passed: [] });

/** Stage by stage, alone. */
async function expected(thresholds: readonly number[], seed: number, stages: number) {
  const sample = sampleOf(thresholds);
  let activation = inputOf(seed);
  for (let stage = 0; stage < stages; stage++) {
    const step = await runStage(reference, stage, [sample], activation);
    if (step.answered[0]) return { passed: sample.passed, end: { left: step.answered[0].outcome } };
    activation = new Float32Array(step.activation);
  }
  return { passed: sample.passed, end: { activation } };
}

const close = (outcome: ExitOutcome) => ({
  ...outcome,
  confidence: expect.closeTo(outcome.confidence, 4) as number,
});

function expectSame(found: CascadeEnd, end: CascadeEnd): void {
  if ('left' in end) {
    expect(found).toEqual({ left: close(end.left) });
    return;
  }
  const values = 'activation' in found ? found.activation : new Float32Array(0);
  expect(values).toHaveLength(end.activation.length);
  const difference = end.activation.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (values[i] as number))),
    0,
  );
  expect(difference).toBeLessThan(1e-3);
}

async function withPool(options: CascadePoolOptions, use: (pool: CascadePool) => Promise<void>) {
  const pool = await CascadePool.create(bundle, systemClock, options);
  try {
    await use(pool);
  } finally {
    await pool.close();
  }
}

/** A threshold between the confidences of seeds 0 and 1 at the first branch, so that only one of them leaves. */
async function dividingThreshold(): Promise<number> {
  const confidences = await Promise.all(
    [0, 1].map(async (seed) => {
      const { passed } = await expected(neverExit(bundle.branches), seed, 1);
      return passed[0]?.confidence as number;
    }),
  );
  return Math.max(...confidences) - Math.abs((confidences[0] as number) - (confidences[1] as number)) / 2;
}

describe('CascadePool', () => {
  it.each([
    { maxBatch: 1, threads: 1 },
    { maxBatch: 8, threads: 1 },
    { maxBatch: 3, threads: 2 },
  ])('gives every sample what it gets alone, with %j', async (options) => {
    const dividing = await dividingThreshold();
    const all = bundle.manifest.stages.length;
    const policies = [
      neverExit(bundle.branches),
      neverExit(bundle.branches).map((threshold, branch) => (branch === 0 ? dividing : threshold)),
      neverExit(bundle.branches).map((threshold, branch) => (branch === 1 ? 0 : threshold)),
    ];
    for (const stages of [1, 2, all]) {
      await withPool({ ...options, stages }, async (pool) => {
        const seeds = Array.from({ length: 20 }, (_, seed) => seed);
        const policyOf = (seed: number) => policies[seed % policies.length] as number[];
        const samples = seeds.map((seed) => sampleOf(policyOf(seed)));
        const ends = await Promise.all(
          seeds.map((seed) => pool.run(samples[seed] as CascadeSample, inputOf(seed))),
        );
        for (const seed of seeds) {
          const { passed, end } = await expected(policyOf(seed), seed, stages);
          expectSame(ends[seed] as CascadeEnd, end);
          expect(samples[seed]?.passed).toEqual(passed.map(close));
        }
      });
    }
  });

  it('gives a sample that comes alone what it gets among others, wherever it runs', () =>
    withPool({ maxBatch: 4 }, async (pool) => {
      const never = neverExit(bundle.branches);
      const { passed, end } = await expected(never, 3, bundle.manifest.stages.length);
      for (let i = 0; i < 60; i++) {
        const others = i % 20 === 19 ? [0, 1] : [];
        const sample = sampleOf(never);
        const [found] = await Promise.all([
          pool.run(sample, inputOf(3)),
          ...others.map((seed) => pool.run(sampleOf(never), inputOf(seed))),
        ]);
        expectSame(found, end);
        expect(sample.passed).toEqual(passed.map(close));
      }
      const [last] = await Promise.allSettled([pool.run(sampleOf(never), inputOf(3)), pool.close()]);
      expect(last).toMatchObject({ status: 'rejected', reason: { code: 'STOPPING' } });
    }));

  it('leaves the input to its owner', () =>
    withPool({ stages: 1 }, async (pool) => {
      const input = inputOf(1);
      await pool.run(sampleOf(neverExit(bundle.branches)), input);
      expect(input).toEqual(inputOf(1));
    }));

  it('refuses input of another length, alone', () =>
    withPool({ stages: 1, maxBatch: 2 }, async (pool) => {
      const [wrong, right] = await Promise.allSettled([
        pool.run(sampleOf(neverExit(bundle.branches)), new Float32Array(3)),
        pool.run(sampleOf(neverExit(bundle.branches)), inputOf(0)),
      ]);
      expect(wrong).toMatchObject({
        reason: {
          code: 'TENSOR_INVALID',
          message: `input: expected ${inputOf(0).length} elements, found 3`,
        },
      });
      expect(right.status).toBe('fulfilled');
    }));

  it('in a hurry, ends every sample at the first exit that it passes', () =>
    withPool({ maxBatch: 2 }, async (pool) => {
      pool.hurry();
      const samples = [0, 1, 2].map(() => sampleOf(neverExit(bundle.branches)));
      await Promise.all(samples.map((sample, seed) => pool.run(sample, inputOf(seed))));
      expect(samples.map(({ passed }) => passed.length)).toEqual([1, 1, 1]);
    }));

  it('does not start with affinities that do not fit the threads inside a run', async () => {
    await expect(
      CascadePool.create(bundle, systemClock, { intraOpThreads: 3, intraOpAffinities: '1' }),
    ).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
  });

  it('takes affinities for the threads inside a run', () =>
    withPool({ stages: 1, intraOpThreads: 2, intraOpAffinities: '1' }, async (pool) => {
      const end = await pool.run(sampleOf(bundle.manifest.stages.map(() => 0)), inputOf(0));
      expect(end).toMatchObject({ left: { exit: 0 } });
    }));

  it('runs a sample in the background when nothing else waits, or after many others', async () => {
    const never = neverExit(bundle.branches);
    await withPool({}, async (pool) => {
      const alone = sampleOf(never);
      const { end, passed } = await expected(never, 1, bundle.branches + 1);
      expectSame(await pool.run(alone, inputOf(1), { background: true }), end);
      expect(alone.passed).toEqual(passed.map(close));

      const ended: string[] = [];
      const run = async (name: string, background: boolean) => {
        await pool.run(sampleOf(new Array<number>(bundle.branches).fill(0)), inputOf(1), { background });
        ended.push(name);
      };
      await Promise.all([
        run('background', true),
        ...Array.from({ length: 60 }, () => run('other', false)),
        run('background', true),
      ]);
      expect(ended.filter((name) => name === 'other')).toHaveLength(60);
      expect(ended.indexOf('background')).toBe(33);
      expect(ended.lastIndexOf('background')).toBe(61);
    });
  });
});
