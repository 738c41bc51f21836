import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bundle } from '../files/bundle.js';
import { elementsOf } from '../shape.js';
import { InferencePool } from './inference-pool.js';
import type { StageOutput } from './stage-runner.js';

const directory = fileURLToPath(new URL('../../../../examples/fashion-mnist/bundle', import.meta.url));

let bundle: Bundle;
let last: number;
let pool: InferencePool;

beforeAll(async () => {
  bundle = await Bundle.open(directory);
  last = bundle.branches;
  pool = await InferencePool.create(bundle, { threads: 2 });
});

afterAll(() => pool.close());

const elements = (stage: number) => elementsOf(bundle.manifest.stages[stage]?.inputShape ?? []);

/** Synthetic input of a stage, different for each seed. */
function inputOf(stage: number, batch: number, seed = 1): Float32Array {
  return Float32Array.from({ length: batch * elements(stage) }, (_, i) => Math.sin(i * 0.37 + seed));
}

/** A stage run in this thread, without the pool. */
async function direct(stage: number, batch: number, seed = 1): Promise<StageOutput> {
  const { model, inputShape } = bundle.manifest.stages[stage] as Bundle['manifest']['stages'][number];
  const session = await InferenceSession.create(await readFile(`${directory}/${model.path}`));
  const input = new Tensor('float32', inputOf(stage, batch, seed), [batch, ...inputShape]);
  const outputs = await session.run({ input });
  const floats = (name: string) => (outputs[name]?.data as Float32Array | undefined) ?? null;
  return {
    activation: floats('activation'),
    probabilities: floats('probabilities') ?? new Float32Array(0),
    confidence: floats('confidence') ?? new Float32Array(0),
  };
}

function expectClose(found: Float32Array | null, expected: Float32Array | null): void {
  expect(found?.length).toBe(expected?.length);
  const difference = expected?.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (found?.[i] ?? NaN))),
    0,
  );
  expect(difference ?? 0).toBeLessThan(1e-4);
}

describe('InferencePool', () => {
  it.each([1, 3])('gives what a direct run of every stage gives, in batches of %d', async (batch) => {
    for (let stage = 0; stage <= last; stage++) {
      const found = await pool.run(stage, inputOf(stage, batch), batch);
      const expected = await direct(stage, batch);
      expect(found.probabilities).toHaveLength(batch * bundle.manifest.labels.length);
      expectClose(found.probabilities, expected.probabilities);
      expectClose(found.confidence, expected.confidence);
      expectClose(found.activation, expected.activation);
      expect(found.activation === null).toBe(stage === last);
      expect(found.computeMs).toBeGreaterThan(0);
    }
  });

  it('gives each job its own output, however many wait', async () => {
    const seeds = Array.from({ length: 12 }, (_, i) => i);
    const outputs = await Promise.all(seeds.map((seed) => pool.run(0, inputOf(0, 1, seed), 1)));
    for (const seed of [0, 7, 11]) {
      expectClose(outputs[seed]?.probabilities ?? null, (await direct(0, 1, seed)).probabilities);
    }
    expect(pool.idleThreads).toBe(2);
  });

  it('moves memory that it lent to the thread, and copies other memory', async () => {
    const lent = pool.inputFor(0, 1);
    lent.set(inputOf(0, 1));
    const own = inputOf(0, 1);
    const [taken, copied] = await Promise.all([pool.run(0, lent, 1), pool.run(0, own, 1)]);
    expect(lent).toHaveLength(0);
    expect(own).toEqual(inputOf(0, 1));
    expect(copied.probabilities).toEqual(taken.probabilities);
  });

  it('runs the next stage on the activation of the one before, and leaves the rest of that output alone', async () => {
    const first = await pool.run(0, inputOf(0, 2), 2);
    const activation = first.activation as Float32Array;
    const rows = [activation.subarray(0, elements(1)), activation.subarray(elements(1))] as const;
    const apart = [await pool.run(1, rows[0], 1), await pool.run(1, rows[1], 1)] as const;
    const together = await pool.run(1, activation, 2);
    expect(activation).toHaveLength(0);
    apart.forEach(({ confidence }, row) => {
      expectClose(together.confidence.subarray(row, row + 1), confidence);
    });
    first.release();
    expectClose(first.confidence, (await direct(0, 2)).confidence);
  });

  it('gives memory that was released to later runs, not to two of them', async () => {
    for (let round = 0; round < 3; round++) {
      const outputs = await Promise.all([0, 1, 2, 3, 4].map((seed) => pool.run(0, inputOf(0, 1, seed), 1)));
      for (const [seed, output] of outputs.entries()) {
        expectClose(output.confidence, (await direct(0, 1, seed)).confidence);
        expectClose(output.activation, (await direct(0, 1, seed)).activation);
        output.release();
        output.release();
      }
    }
  });

  it('rejects a run whose memory another run has taken meanwhile, and goes on', async () => {
    const busy = Array.from({ length: 4 }, () => pool.run(0, inputOf(0, 1), 1));
    const lent = pool.inputFor(0, 1);
    lent.set(inputOf(0, 1));
    const [first, second, third] = await Promise.allSettled([
      pool.run(0, lent, 1),
      pool.run(0, lent, 1),
      pool.run(0, inputOf(0, 1), 1),
    ]);
    expect([first?.status, third?.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(second).toMatchObject({ reason: { code: 'INFERENCE_FAILED' } });
    await Promise.all(busy);
  });

  it('refuses input of another length, and goes on', async () => {
    for (const [length, batch] of [
      [elements(0) - 1, 1],
      [elements(0), 2],
      [0, 0],
    ] as const) {
      await expect(pool.run(0, new Float32Array(length), batch)).rejects.toMatchObject({
        code: 'TENSOR_INVALID',
        message: `input of stage 0: expected ${batch * elements(0)} elements for a batch of ${batch}, found ${length}`,
      });
    }
    expect((await pool.run(0, inputOf(0, 1), 1)).confidence).toHaveLength(1);
  });

  it('refuses stages that it has not loaded', async () => {
    for (const stage of [-1, last + 1, 0.5]) {
      await expect(pool.run(stage, new Float32Array(1), 1)).rejects.toMatchObject({
        code: 'INFERENCE_FAILED',
        message: `stage: expected one of the loaded ones, 0 to ${last}; found ${stage}`,
      });
    }
    const part = await InferencePool.create(bundle, { firstStage: 1, stages: 1 });
    try {
      await expect(part.run(0, inputOf(0, 1), 1)).rejects.toThrow('the loaded ones, 1 to 1; found 0');
      await expect(part.run(2, inputOf(2, 1), 1)).rejects.toThrow('found 2');
      expectClose((await part.run(1, inputOf(1, 1), 1)).confidence, (await direct(1, 1)).confidence);
    } finally {
      await part.close();
    }
  });

  it('names the available execution providers when it refuses one', async () => {
    await expect(InferencePool.create(bundle, { executionProviders: ['abacus'] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^execution provider: expected one of cpu.*; found abacus$/),
    });
  });
});
