import { type Bundle, elementsOf, type PooledStageOutput } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';
import { createLogger, OfframpError, systemClock } from '@offramp/runtime';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { ServiceRate } from '../admission/service-rate.js';
import { WorkerStats } from '../report/worker-stats.js';
import { forEverMs, openExampleBundle } from '../worker.test.kit.js';
import { Dispatcher } from './dispatcher.js';
import { FairClock, Sender } from './fair-clock.js';
import { PendingSample, type SampleOutcome } from './pending-sample.js';
import { RowStore } from './row-store.js';
import { type BatchRunner, ServedBundle } from './served-bundle.js';

let bundle: Bundle;
let runner: SteppedRunner;
let served: ServedBundle;

/** Each run waits until the test lets it finish. A row's activation repeats the first value of its input. */
class SteppedRunner implements BatchRunner {
  released = 0;
  readonly runs: { stage: number; values: number[]; finish(): void; fail(error: Error): void }[] = [];

  inputFor(stage: number, batch: number): Float32Array {
    return new Float32Array(batch * elementsOf(bundle.manifest.stages[stage]?.inputShape ?? []));
  }

  run(stage: number, input: Float32Array, batch: number): Promise<PooledStageOutput> {
    const { activationShape } = bundle.manifest.stages[stage] as Bundle['manifest']['stages'][number];
    const width = input.length / batch;
    const values = Array.from({ length: batch }, (_, row) => input[row * width] as number);
    const next = activationShape ? elementsOf(activationShape) : 0;
    return new Promise((resolve, reject) => {
      const finish = () =>
        resolve({
          activation: activationShape ? Float32Array.from(values.flatMap((v) => Array(next).fill(v))) : null,
          probabilities: Float32Array.from(values.flatMap(() => [0, 1])),
          confidence: new Float32Array(batch).fill(0.5),
          computeMs: 1,
          release: () => {
            this.released++;
          },
        });
      this.runs.push({ stage, values, finish, fail: reject });
    });
  }
}

beforeAll(async () => {
  bundle = await openExampleBundle();
});

beforeEach(() => {
  runner = new SteppedRunner();
});

function serve(options: { maxBatch: number; maxWaitMs: number }): void {
  served = new ServedBundle(bundle, runner, options, {
    dispatcher: new Dispatcher(1, new ServiceRate()),
    fairClock: new FairClock(),
    rows: new RowStore(8),
    stats: new WorkerStats(),
    clock: systemClock,
    logger: createLogger('worker', 'silent'),
  });
}

/** A sample whose input holds one value. */
function submit(stage: number, value: number, decode?: () => void) {
  let resolve = (_: SampleOutcome) => {};
  const outcome = new Promise<SampleOutcome>((settle) => {
    resolve = settle;
  });
  const sample = new PendingSample({
    bundleDigest: bundle.digestBytes,
    sender: new Sender(),
    thresholds: neverExit(bundle.branches),
    arrivedMs: systemClock.now(),
    deadlineMs: Number.POSITIVE_INFINITY,
    input: {
      isCode: false,
      decodeInto: (place) => {
        decode?.();
        place.fill(value);
      },
    },
    onSettled: (settled, found) => {
      served.settled(settled);
      resolve(found);
    },
  });
  served.enter();
  served.queue(stage, sample);
  return { sample, outcome };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('continuing samples share a batch with samples that wait at the next stage', async () => {
  serve({ maxBatch: 4, maxWaitMs: 0 });
  submit(0, 1);
  submit(1, 2);
  submit(0, 3);
  expect(runner.runs).toMatchObject([{ stage: 0, values: [1] }]);
  runner.runs[0]?.finish();
  await turn();
  expect(runner.runs.slice(1)).toMatchObject([{ stage: 1, values: [1, 2] }]);
});

test('a sample that is abandoned while its batch runs does not continue', async () => {
  serve({ maxBatch: 2, maxWaitMs: forEverMs });
  const { sample } = submit(0, 1);
  submit(0, 2);
  expect(runner.runs).toMatchObject([{ stage: 0, values: [1, 2] }]);
  sample.settle({ kind: 'abandoned' });
  runner.runs[0]?.finish();
  await turn();
  expect(runner.runs.slice(1)).toMatchObject([{ stage: 1, values: [2] }]);
});

test('a failed run refuses the samples of that batch, and the next batch runs', async () => {
  serve({ maxBatch: 4, maxWaitMs: 0 });
  const first = submit(bundle.branches, 1);
  const second = submit(bundle.branches, 2);
  runner.runs[0]?.fail(new Error('out of luck'));
  expect(await first.outcome).toMatchObject({
    kind: 'refused',
    error: { code: 'INFERENCE_FAILED', message: expect.stringContaining('out of luck') },
  });
  await turn();
  runner.runs[1]?.finish();
  expect(await second.outcome).toMatchObject({ kind: 'answered' });
});

test('a sample with malformed bytes is refused, and the others of its batch run', async () => {
  serve({ maxBatch: 3, maxWaitMs: forEverMs });
  submit(0, 1);
  const broken = submit(0, 2, () => {
    throw new OfframpError('TENSOR_INVALID', 'input: malformed');
  });
  submit(0, 3);
  expect(await broken.outcome).toMatchObject({ kind: 'refused', error: { code: 'TENSOR_INVALID' } });
  expect(runner.runs).toMatchObject([{ stage: 0, values: [1, 3] }]);
});

test('a full batch is queued while another runs, one that may still grow is not', async () => {
  serve({ maxBatch: 2, maxWaitMs: 0 });
  for (const value of [1, 2, 3, 4]) submit(bundle.branches, value);
  expect(runner.runs.map(({ values }) => values)).toEqual([[1], [2, 3]]);
  runner.runs[0]?.finish();
  await turn();
  expect(runner.runs).toHaveLength(2);
  runner.runs[1]?.finish();
  await turn();
  expect(runner.runs[2]?.values).toEqual([4]);
});

test('the memory of every output is released', async () => {
  serve({ maxBatch: 4, maxWaitMs: 0 });
  const { outcome } = submit(0, 1);
  for (let stage = 0; stage <= bundle.branches; stage++) {
    expect(runner.runs[stage]).toMatchObject({ stage, values: [1] });
    runner.runs[stage]?.finish();
    await turn();
  }
  expect(await outcome).toMatchObject({ kind: 'answered' });
  expect(runner.released).toBe(bundle.branches + 1);
});

test('is finished when all its samples are settled', async () => {
  serve({ maxBatch: 4, maxWaitMs: forEverMs });
  submit(bundle.branches, 1);
  let finished = false;
  const finishing = served.finish().then(() => {
    finished = true;
  });
  await turn();
  expect(finished).toBe(false);
  runner.runs[0]?.finish();
  await finishing;
});
