import { workerData } from 'node:worker_threads';
import { type ServingThread, serveRequests } from '../inference/serve-requests.js';
import { StageSessions } from '../inference/stage-sessions.js';
import { type CascadeSample, runStage, type StageStep } from './cascade.js';
import {
  type CascadeReply,
  type CascadeRequest,
  type CascadeStep,
  type CascadeThreadData,
  hurrySignal,
} from './cascade-messages.js';

/**
 * The outcomes of a quicker stage are sent with the next stage's: every message wakes the receiving thread, which costs
 * about a tenth of a millisecond.
 */
const quickStageMs = 1;

const { stages, session } = workerData as CascadeThreadData;
const sessions = await StageSessions.open(stages, 0, session);
let hurrying = false;

serveRequests<CascadeRequest, CascadeReply>(runBatch, (signal) => {
  if (signal === hurrySignal) hurrying = true;
});

async function runBatch(
  { thresholds, input }: CascadeRequest,
  thread: ServingThread<CascadeReply>,
): Promise<void> {
  let samples: CascadeSample[] = thresholds.map((own) => ({ thresholds: own, passed: [] }));
  let activation = input;
  let steps: CascadeStep[] = [];
  let stage = 0;
  for (; stage < stages.length && !(hurrying && stage > 0) && !thread.ending; stage++) {
    const startedAt = performance.now();
    const step = await runStage(sessions, stage, samples, activation);
    steps.push(stepOf(samples, step));
    samples = step.staying;
    activation = step.activation;
    if (samples.length === 0) break;
    if (performance.now() - startedAt > quickStageMs) {
      thread.reply({ steps, activation: null }, []);
      steps = [];
    }
  }
  if (samples.length === 0) return thread.reply({ steps, activation }, []);
  const code = stage === stages.length ? await sessions.encode(activation, samples.length) : null;
  const moved = (code ? [activation, code] : [activation]).map(({ buffer }) => buffer as ArrayBuffer);
  thread.reply({ steps, activation, code }, moved);
}

function stepOf(
  samples: readonly CascadeSample[],
  { answered, staying }: StageStep<CascadeSample>,
): CascadeStep {
  const step: CascadeStep = [];
  let nextAnswered = 0;
  let nextStaying = 0;
  for (const sample of samples) {
    const stays = staying[nextStaying] === sample;
    const left = answered[nextAnswered]?.sample === sample ? answered[nextAnswered] : undefined;
    const outcome = stays ? sample.passed.at(-1) : left?.outcome;
    if (stays) nextStaying++;
    else if (left) nextAnswered++;
    step.push(outcome?.label ?? 0, outcome?.confidence ?? Number.NaN, stays ? 0 : 1);
  }
  return step;
}
