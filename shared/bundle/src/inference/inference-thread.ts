import { workerData } from 'node:worker_threads';
import { elementsOf } from '../shape.js';
import {
  type InferenceReply,
  type InferenceRequest,
  type InferenceThreadData,
  outputViews,
  transferOf,
} from './run-buffers.js';
import { serveRequests } from './serve-requests.js';
import { StageSessions } from './stage-sessions.js';

const { stages, firstStage, session } = workerData as InferenceThreadData;
const sessions = await StageSessions.open(stages, firstStage, session);

serveRequests<InferenceRequest, InferenceReply>(async ({ stage, batch, buffers, codes }, { reply }) => {
  const { inputShape, activationShape, labels = 0 } = stages[stage - firstStage] ?? {};
  const input = new Float32Array(buffers.input, 0, batch * elementsOf(inputShape ?? []));
  const output = outputViews(buffers, batch, labels, batch * elementsOf(activationShape ?? []));
  const startedAt = performance.now();
  await sessions.runInto(stage, input, batch, output, codes);
  reply({ buffers, computeMs: performance.now() - startedAt }, transferOf(buffers));
});
