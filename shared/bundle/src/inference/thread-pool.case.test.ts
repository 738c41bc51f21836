import { once } from 'node:events';
import { cp, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { neverExit } from '@offramp/contracts';
import { type OfframpError, systemClock } from '@offramp/runtime';
import { temporaryFolder } from '@offramp/runtime/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CascadePool } from '../cascade/cascade-pool.js';
import { Bundle } from '../files/bundle.js';
import { writeBundle } from '../files/write-bundle.js';
import type { Manifest } from '../manifest/manifest.js';
import { elementsOf } from '../shape.js';
import { sampleBundle } from '../testing/sample-bundle.js';
import { InferencePool } from './inference-pool.js';

const directory = fileURLToPath(new URL('../../../../examples/fashion-mnist/bundle', import.meta.url));

interface CaseOptions {
  threads?: number;
  intraOpThreads?: number;
  onLost?: (error: OfframpError) => void;
}

interface PoolCase {
  create(bundle: Bundle, options?: CaseOptions): Promise<{ close(): Promise<void> }>;
  /** Starts a run of the first stage on a pool that `create` made. */
  run(pool: unknown, bundle: Bundle, input: Float32Array): Promise<unknown>;
}

const pools: Record<string, PoolCase> = {
  InferencePool: {
    create: (bundle, options) => InferencePool.create(bundle, { ...options, stages: 1 }),
    run: (pool, _, input) => (pool as InferencePool).run(0, input, 1),
  },
  CascadePool: {
    create: (bundle, options) => CascadePool.create(bundle, systemClock, { ...options, stages: 1 }),
    run: (pool, bundle, input) =>
      (pool as CascadePool).run({ thresholds: neverExit(bundle.branches), passed: [] }, input),
  },
};

describe.each(Object.entries(pools))('the threads of %s', (_, { create, run }) => {
  let bundle: Bundle;
  let workers: Worker[];
  const onWorker = (worker: Worker) => workers.push(worker);

  beforeAll(async () => {
    bundle = await Bundle.open(directory);
  });

  beforeEach(() => {
    workers = [];
    process.on('worker', onWorker);
  });

  afterEach(() => {
    process.off('worker', onWorker);
  });

  const inputOf = () => new Float32Array(elementsOf(bundle.manifest.input.shape)).fill(0.5);
  const runMany = (pool: unknown) =>
    Promise.allSettled(Array.from({ length: 9 }, () => run(pool, bundle, inputOf())));
  const rejectedWith = (code: string) => ({ status: 'rejected', reason: { code } });

  it('run everything that is handed over', async () => {
    const pool = await create(bundle, { threads: 2 });
    expect(workers).toHaveLength(2);
    const outcomes = await runMany(pool);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(9);
    await pool.close();
  });

  it('reject what runs and what waits when they are closed, and what comes later', async () => {
    const pool = await create(bundle);
    const outcomes = runMany(pool);
    await pool.close();
    for (const outcome of await outcomes) expect(outcome).toMatchObject(rejectedWith('STOPPING'));
    await expect(run(pool, bundle, inputOf())).rejects.toMatchObject({ code: 'STOPPING' });
  });

  it('have ended when the pool has closed, however often it is closed', async () => {
    const pool = await create(bundle, { threads: 2 });
    await Promise.all([pool.close(), pool.close()]);
    for (const worker of workers) expect(worker.threadId).toBe(-1);
    await pool.close();
  });

  it('reject what runs and what waits when one of them fails, and say so once', async () => {
    const lost: OfframpError[] = [];
    const pool = await create(bundle, { threads: 2, onLost: (error) => lost.push(error) });
    const outcomes = runMany(pool);
    workers[0]?.emit('error', new Error('out of memory'));
    workers[1]?.emit('error', new Error('out of memory'));
    for (const outcome of await outcomes) expect(outcome).toMatchObject(rejectedWith('INFERENCE_FAILED'));
    const expected = { code: 'INFERENCE_FAILED', message: `${directory}: out of memory` };
    await expect(run(pool, bundle, inputOf())).rejects.toMatchObject(expected);
    expect(lost).toMatchObject([expected]);
    await pool.close();
    for (const worker of workers) expect(worker.threadId).toBe(-1);
  });

  it('take nothing once one of them has ended by itself', async () => {
    const lost: OfframpError[] = [];
    const pool = await create(bundle, { onLost: (error) => lost.push(error) });
    const [worker] = workers as [Worker];
    const ended = once(worker, 'exit');
    await worker.terminate();
    await ended;
    await expect(run(pool, bundle, inputOf())).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: `${directory}: an inference thread ended`,
    });
    expect(lost).toHaveLength(1);
    await pool.close();
  });

  it('do not report a loss when they are closed', async () => {
    const lost: OfframpError[] = [];
    const pool = await create(bundle, { onLost: (error) => lost.push(error) });
    await pool.close();
    expect(lost).toEqual([]);
  });

  it.each([
    [
      'another activation',
      ({ stages: [first, second] }: Manifest) => {
        Object.assign(first ?? {}, { activationShape: [28, 28, 17] });
        Object.assign(second ?? {}, { inputShape: [28, 28, 17] });
      },
      'activation float32 N×28×28×17, probabilities float32 N×10, confidence float32 N, as the manifest has it; the model has activation float32 N×17×28×28',
    ],
    [
      'another input',
      ({ input, stages: [first] }: Manifest) => {
        input.shape = [1, 14, 56];
        Object.assign(first ?? {}, { inputShape: [1, 14, 56] });
      },
      'stage 0: inputs: expected input float32 N×1×14×56, as the manifest has it; the model has input float32 N×1×28×28',
    ],
    [
      'more labels',
      ({ labels }: Manifest) => labels.push('another'),
      'probabilities float32 N×11, confidence float32 N, as the manifest has it',
    ],
  ])('do not start with models of %s than the manifest says', async (_name, change, message) => {
    const copy = `${await temporaryFolder()}/bundle`;
    await cp(directory, copy, { recursive: true });
    const manifest = structuredClone(bundle.manifest);
    change(manifest);
    await writeFile(`${copy}/manifest.json`, JSON.stringify(manifest));
    await expect(create(await Bundle.open(copy))).rejects.toMatchObject({
      code: 'BUNDLE_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['models that are not ONNX', true, {}],
    ['session options that ONNX Runtime refuses', false, { intraOpThreads: -1 }],
  ])('do not start with %s', async (_name, isBroken, session) => {
    const target = isBroken ? await writeBundle(`${await temporaryFolder()}/bundle`, sampleBundle()) : bundle;
    const lost: OfframpError[] = [];
    const options = { ...session, threads: 2, onLost: (error: OfframpError) => lost.push(error) };
    await expect(create(target, options)).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining(target.directory),
    });
    expect(lost).toEqual([]);
    for (const worker of workers) expect(worker.threadId).toBe(-1);
  });
});
