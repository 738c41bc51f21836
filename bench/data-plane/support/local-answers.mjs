// Answers samples on the device, in a separate process so that processor time and garbage are measured alone: a bare loop of
// `session.run`, the same with the work that any program does around it, or an agent.
import { Writable } from 'node:stream';
import { Bundle } from '@offramp/bundle';
import { openDataset, pictureChannels, preprocess } from '@offramp/data';
import { agentConfig, agentHeapGrowthPercent, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig, setHeapGrowth } from '@offramp/runtime';
import { bareCascade, bareSessions, inputsOf } from './bare-cascade.mjs';
import { measured, serve } from './child.mjs';

/** Runs before a turn is measured: caches are warm afterwards, and an agent has written the answers that it held back. */
const warmUp = 150;
const kinds = { bareLoop, plainProgram, agent };
let answer;

serve({
  async start({ kind, ...how }) {
    answer = await kinds[kind](how);
    // By then the compiler has optimised the loop, and the agent has measured its stages.
    await answer(3000);
    return {};
  },
  async turn({ samples }) {
    await answer(warmUp);
    return measured(() => answer(samples));
  },
});
process.once('disconnect', () => process.exit());

async function bareLoop({ bundle: directory, data, batch }) {
  const { bundle, thresholds, sessions } = await opened(directory);
  const inputs = await inputsOf(bundle, data);
  const next = inTurn(inputs.length);
  return (count) =>
    bareCascade(
      bundle,
      sessions,
      thresholds,
      next(count).map((i) => inputs[i]),
      batch,
    );
}

/** Reads a picture, preprocesses it, runs it and writes the answer as JSON, one after the other. */
async function plainProgram({ bundle: directory, data }) {
  const { bundle, thresholds, sessions } = await opened(directory);
  const { input, labels } = bundle.manifest;
  const dataset = await openDataset(data, { split: 'test', channels: pictureChannels(input) });
  const next = inTurn(dataset.size);
  return async (count) => {
    for (const i of next(count)) {
      const { name, picture } = await dataset.read(i);
      const [exit] = await bareCascade(bundle, sessions, thresholds, [await preprocess(picture, input)]);
      nowhere.write(`${JSON.stringify({ sample: name, exit, label: labels[0] })}\n`);
    }
  };
}

/** An agent that works only in its turns. In between its answers are not read, which holds back its source. */
async function agent({ bundle, data, ...config }) {
  let left = 0;
  let onLeft = () => undefined;
  let release = null;
  const output = new Writable({
    write(_chunk, _encoding, done) {
      left--;
      if (left > 0) {
        done();
        return;
      }
      release = done;
      onLeft();
    },
  });
  const { manifest } = await Bundle.open(bundle);
  const flags = { bundle, source: data, nats: 'none', device: 'bench', loop: true };
  setHeapGrowth(agentHeapGrowthPercent);
  await startAgent(
    await resolveConfig(agentConfig, { ...flags, deviceStages: manifest.stages.length, ...config }, {}),
    createLogger('bench', 'silent'),
    { output },
  );
  return (count) =>
    new Promise((resolve) => {
      left = count;
      onLeft = resolve;
      release?.();
    });
}

const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });

async function opened(directory) {
  const bundle = await Bundle.open(directory);
  return {
    bundle,
    thresholds: bundle.manifest.policy.thresholds.map(Math.fround),
    sessions: await bareSessions(bundle),
  };
}

/** @returns a function that gives the numbers of the next `count` samples, and restarts after the last */
function inTurn(size) {
  let at = 0;
  return (count) => Array.from({ length: count }, () => at++ % size);
}
