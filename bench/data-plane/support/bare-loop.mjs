// ONNX Runtime with nothing around it: threads that call `session.run` in a loop, over the same stages
// and samples that the worker gets. Every sample is prepared beforehand; outputs are dropped.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Bundle } from '@offramp/bundle';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { measured, serve } from './child.mjs';
import { readOffloads } from './offloads.mjs';

if (isMainThread) {
  let threads = [];
  const ask = (thread, message) =>
    new Promise((resolve) => {
      thread.once('message', resolve);
      thread.postMessage(message);
    });
  serve({
    async start({ count, ...data }) {
      threads = Array.from(
        { length: count },
        () => new Worker(new URL(import.meta.url), { workerData: data }),
      );
      await Promise.all(threads.map((thread) => new Promise((resolve) => thread.once('message', resolve))));
    },
    run: (parameters) =>
      measured(async () => {
        const counts = await Promise.all(threads.map((thread) => ask(thread, parameters)));
        return { samples: counts.reduce((sum, count) => sum + count) };
      }),
  });
  process.once('disconnect', () => process.exit());
} else {
  const { directory, firstStage, folder } = workerData;
  const bundle = await Bundle.open(directory);
  const stages = [];
  for (let stage = firstStage; stage < bundle.manifest.stages.length; stage++) {
    const [model] = await bundle.readStages(stage, stage + 1);
    const session = await InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
    stages.push({
      session,
      inputs: await readOffloads(folder, stage),
      shape: bundle.manifest.stages[stage].inputShape,
    });
  }

  // Passes over all samples until the time is over, so that the same share reaches each stage as on the worker.
  parentPort.on('message', async ({ seconds, batch }) => {
    const until = performance.now() + seconds * 1000;
    let samples = 0;
    while (performance.now() < until) samples += await pass(batch);
    parentPort.postMessage(samples);
  });
  parentPort.postMessage('ready');

  async function pass(batch) {
    let entered = 0;
    for (const { session, inputs, shape } of stages) {
      const width = shape.reduce((product, size) => product * size, 1);
      const rows = inputs.length / width;
      entered ||= rows;
      for (let row = 0; row < rows; row += batch) {
        const count = Math.min(batch, rows - row);
        const data = inputs.subarray(row * width, (row + count) * width);
        await session.run({ input: new Tensor('float32', data, [count, ...shape]) });
      }
    }
    return entered;
  }
}
