import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { elementsOf } from '../shape.js';
import { runtimeOptions } from './session-options.js';
import { stageTensors } from './stage-runner.js';
import {
  endThread,
  exitViews,
  type ThreadData,
  type ThreadReply,
  type ThreadRequest,
  transferOf,
} from './thread-messages.js';

const { stages, firstStage, labels, session: sessionOptions } = workerData as ThreadData;
const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread');

const sessions: InferenceSession[] = [];
for (const { model } of stages)
  sessions.push(await InferenceSession.create(model, runtimeOptions(sessionOptions)));

const reply = (message: ThreadReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

// One after the other: a request that has come early must not count the run before it as its own time.
let last = Promise.resolve();
port.on('message', (message: ThreadRequest | typeof endThread) => {
  if (message === endThread) port.close();
  else last = last.then(() => run(message));
});

async function run({ id, stage, batch, buffers }: ThreadRequest): Promise<void> {
  const transfer = transferOf(buffers);
  try {
    const index = stage - firstStage;
    const session = sessions[index];
    const shapes = stages[index];
    if (!session || !shapes) throw new Error(`stage ${stage} is not loaded`);
    const tensor = (buffer: ArrayBuffer, shape: readonly number[]) =>
      new Tensor('float32', new Float32Array(buffer, 0, batch * elementsOf(shape)), [batch, ...shape]);
    const { probabilities, confidence } = exitViews(buffers.exit, batch, labels);
    const outputs: Record<string, Tensor> = {
      [stageTensors.probabilities]: new Tensor('float32', probabilities, [batch, labels]),
      [stageTensors.confidence]: new Tensor('float32', confidence, [batch]),
    };
    if (buffers.activation && shapes.activationShape) {
      outputs[stageTensors.activation] = tensor(buffers.activation, shapes.activationShape);
    }
    const feeds = { [stageTensors.input]: tensor(buffers.input, shapes.inputShape) };
    const started = performance.now();
    await session.run(feeds, outputs);
    reply({ id, buffers, computeMs: performance.now() - started }, transfer);
  } catch (error) {
    reply({ id, buffers, error: error instanceof Error ? error.message : String(error) }, transfer);
  }
}

reply('ready');
