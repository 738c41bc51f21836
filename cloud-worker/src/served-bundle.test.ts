import {
  type Bundle,
  createLogger,
  elementsOf,
  neverExit,
  type StageOutput,
  type StageRunner,
  systemClock,
} from '@offramp/shared';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { PendingSample, type SampleOutcome } from './pending-sample.js';
import { ServedBundle } from './served-bundle.js';
import { forEverMs, openExampleBundle } from './worker.test.kit.js';
import { WorkerStats } from './worker-stats.js';

let bundle: Bundle;
let runner: SteppedRunner;
let served: ServedBundle;

/** Each run waits until the test lets it finish. A row's activation repeats the first value of its input. */
class SteppedRunner implements StageRunner {
  readonly runs: { stage: number; values: number[]; finish(): void; fail(error: Error): void }[] = [];

  run(stage: number, input: Float32Array, batch: number): Promise<StageOutput> {
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
  const logger = createLogger('worker', 'silent');
  served = new ServedBundle(
    bundle,
    runner,
    { threads: 1, ...options },
    new WorkerStats(),
    systemClock,
    logger,
  );
}

/** A sample whose input holds one value. */
function submit(stage: number, value: number) {
  const input = new Float32Array(elementsOf(bundle.manifest.stages[stage]?.inputShape ?? [])).fill(value);
  let resolve = (_: SampleOutcome) => {};
  const outcome = new Promise<SampleOutcome>((settle) => {
    resolve = settle;
  });
  const sample = new PendingSample(
    bundle.digestBytes,
    neverExit(bundle.branches),
    systemClock.now(),
    Number.POSITIVE_INFINITY,
    input,
    (_, settled) => resolve(settled),
  );
  served.submit(stage, sample);
  return { sample, outcome };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('samples that continue share their batch with those that wait at the next stage', async () => {
  serve({ maxBatch: 4, maxWaitMs: 0 });
  submit(0, 1);
  submit(1, 2);
  submit(0, 3);
  expect(runner.runs).toMatchObject([{ stage: 0, values: [1] }]);
  runner.runs[0]?.finish();
  await turn();
  expect(runner.runs.slice(1)).toMatchObject([{ stage: 1, values: [1, 2] }]);
});

test('a sample that is abandoned while its batch runs goes no further', async () => {
  serve({ maxBatch: 2, maxWaitMs: forEverMs });
  const { sample } = submit(0, 1);
  submit(0, 2);
  expect(runner.runs).toMatchObject([{ stage: 0, values: [1, 2] }]);
  sample.settle({ kind: 'abandoned' });
  served.dropSettled();
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
