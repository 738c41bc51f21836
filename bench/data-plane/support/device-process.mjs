// A device in a separate process, which is told over IPC what to run: an agent, or a client that sends every input to the cloud.
import { Writable } from 'node:stream';
import { Client, credentials } from '@grpc/grpc-js';
import { Bundle, uint8Deflated } from '@offramp/bundle';
import { offloadService } from '@offramp/contracts';
import { agentConfig, agentHeapGrowthPercent, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig, setHeapGrowth } from '@offramp/runtime';
import { inputsOf } from './bare-cascade.mjs';

const logger = createLogger('bench', 'silent');
const kinds = { agent, cloud };

process.on('message', async ({ kind, ...job }) => {
  try {
    process.send({ result: await kinds[kind](job) });
  } catch (error) {
    process.send({ error: error.stack });
  }
});
process.once('disconnect', () => process.exit());

/** @returns latencies in milliseconds of the samples answered between the warm-up and the end, and the total time */
async function agent({ config, ...span }) {
  const window = answerWindow(span);
  const output = new Writable({
    write(chunk, _encoding, done) {
      const { latencyMs, degraded } = JSON.parse(chunk);
      window.add(latencyMs, degraded);
      done();
    },
  });
  const defaults = { nats: 'none', device: 'bench', loop: true, drainMs: 0, offloadTimeoutMs: 120_000 };
  setHeapGrowth(agentHeapGrowthPercent);
  const running = await startAgent(await resolveConfig(agentConfig, { ...defaults, ...config }, {}), logger, {
    output,
  });
  window.begin();
  await window.ended;
  await running.stop();
  return window.result();
}

/** Sends inputs, `inFlight` at a time, to be run through the whole backbone. */
async function cloud({ bundle: directory, data, address, inFlight, ...span }) {
  const bundle = await Bundle.open(directory);
  const inputs = await inputsOf(bundle, data, 200);
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = offloadService.Classify;
  const shape = bundle.manifest.input.shape;
  const classify = (values) =>
    new Promise((resolve, reject) => {
      const tensor = { shape, ...uint8Deflated.encode(values, { shape, input: bundle.manifest.input }) };
      const request = { bundleDigest: bundle.digestBytes, tensor };
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
  const window = answerWindow(span);
  await classify(inputs[0]);
  let next = 0;
  let over = false;
  const lane = async () => {
    while (!over) {
      const started = performance.now();
      await classify(inputs[next++ % inputs.length]);
      window.add(performance.now() - started, false);
    }
  };
  window.begin();
  const lanes = Promise.all(Array.from({ length: inFlight }, lane));
  // Requests in flight fail when the client closes.
  lanes.catch((error) => over || window.fail(error));
  await window.ended;
  over = true;
  client.close();
  return window.result();
}

/** Collects answers from `warmUpMs` on for `measureMs`; longer, up to `longestMs`, until there are `fewest`. */
function answerWindow({ warmUpMs, measureMs, fewest, longestMs }) {
  const latencies = [];
  let degraded = 0;
  let startedAt = null;
  let over = false;
  let settle;
  const ended = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  let tookMs = 0;
  const end = () => {
    if (over) return;
    over = true;
    tookMs = performance.now() - startedAt;
    settle.resolve();
  };
  return {
    ended,
    fail: (error) => settle.reject(error),
    begin() {
      setTimeout(() => {
        startedAt = performance.now();
        setTimeout(() => {
          if (latencies.length >= fewest) end();
          else setTimeout(end, longestMs - measureMs);
        }, measureMs);
      }, warmUpMs);
    },
    add(latencyMs, isDegraded) {
      if (startedAt === null || over) return;
      latencies.push(latencyMs);
      if (isDegraded) degraded++;
      if (latencies.length >= fewest && performance.now() - startedAt >= measureMs) end();
    },
    result: () => ({ latencies, degraded, tookMs }),
  };
}
