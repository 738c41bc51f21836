// `node --import slow-device.mjs`: ONNX Runtime takes OFFRAMP_BENCH_SLOWDOWN times as long, in every thread. The time of a
// run is measured (the shortest so far for each batch size), and the thread sleeps for the rest.
import { InferenceSession } from 'onnxruntime-node';

const slowdown = Number(process.env.OFFRAMP_BENCH_SLOWDOWN ?? 1);
const cell = new Int32Array(new SharedArrayBuffer(4));
const { create } = InferenceSession;

if (slowdown > 1) {
  InferenceSession.create = async (...args) => {
    const session = await create.apply(InferenceSession, args);
    const run = session.run.bind(session);
    const least = new Map();
    session.run = async (feeds, ...rest) => {
      const batch = feeds.input.dims[0];
      const started = performance.now();
      const outputs = await run(feeds, ...rest);
      const took = performance.now() - started;
      const quickest = Math.min(took, least.get(batch) ?? Number.POSITIVE_INFINITY);
      least.set(batch, quickest);
      const leftMs = slowdown * quickest - took;
      if (leftMs > 0) Atomics.wait(cell, 0, 0, leftMs);
      return outputs;
    };
    return session;
  };
}
