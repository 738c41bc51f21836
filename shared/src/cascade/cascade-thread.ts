import { parentPort, workerData } from 'node:worker_threads';
import { StageSessions } from '../inference/stage-sessions.js';
import { type CascadeSample, runStage } from './cascade.js';
import type {
  CascadeBatchRequest,
  CascadeStep,
  CascadeThreadData,
  CascadeThreadReply,
  CascadeThreadRequest,
} from './cascade-messages.js';

/**
 * What a quicker stage said is told together with the next one's: every message wakes the thread that it goes to, which
 * costs about as much as a tenth of a millisecond of a stage.
 */
const quickStageMs = 1;

const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread');
const { models, inputShapes, session } = workerData as CascadeThreadData;
const stages = models.length;
const runner = await StageSessions.open(models, inputShapes, 0, session);

const waiting: CascadeBatchRequest[] = [];
let running = false;
let hurrying = false;
let ending = false;

const reply = (message: CascadeThreadReply, transfer: ArrayBuffer[] = []) =>
  port.postMessage(message, transfer);

port.on('message', (message: CascadeThreadRequest) => {
  if (message === 'hurry') {
    hurrying = true;
  } else if (message === 'end') {
    ending = true;
    port.close();
  } else {
    waiting.push(message);
    if (!running) void runAll();
  }
});

/** One batch after the other: a batch that is under way goes before one that has not begun. */
async function runAll(): Promise<void> {
  running = true;
  for (let batch = waiting.shift(); batch && !ending; batch = waiting.shift()) {
    try {
      await runBatch(batch);
    } catch (error) {
      reply({ id: batch.id, error: error instanceof Error ? error.message : String(error) });
    }
  }
  running = false;
}

async function runBatch({ id, thresholds, input }: CascadeBatchRequest): Promise<void> {
  let samples: CascadeSample[] = thresholds.map((own) => ({ thresholds: own, passed: [] }));
  let activation = input;
  let steps: CascadeStep[] = [];
  for (let stage = 0; stage < stages && !(hurrying && stage > 0) && !ending; stage++) {
    const started = performance.now();
    const step = await runStage(runner, stage, samples, activation);
    steps.push(describe(samples, step.answered));
    samples = step.staying;
    activation = step.activation;
    if (samples.length === 0) break;
    if (performance.now() - started > quickStageMs) {
      reply({ id, steps, activation: null });
      steps = [];
    }
  }
  reply({ id, steps, activation }, samples.length > 0 ? [activation.buffer as ArrayBuffer] : []);
}

function describe(
  samples: readonly CascadeSample[],
  answered: Awaited<ReturnType<typeof runStage>>['answered'],
): CascadeStep {
  const step: CascadeStep = [];
  let next = 0;
  for (const sample of samples) {
    const left = answered[next]?.sample === sample;
    const outcome = left ? answered[next++]?.outcome : sample.passed.at(-1);
    step.push(outcome?.label ?? 0, outcome?.confidence ?? Number.NaN, left ? 1 : 0);
  }
  return step;
}

reply('ready');
