import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { stageTensors } from './stage-runner.js';
import { endThread, type ThreadData, type ThreadReply, type ThreadRequest } from './thread-messages.js';

const { models, inputShapes, firstStage, intraOpThreads } = workerData as ThreadData;
const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread');

const sessions: InferenceSession[] = [];
for (const model of models) {
  sessions.push(
    await InferenceSession.create(model, {
      intraOpNumThreads: intraOpThreads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    }),
  );
}

const reply = (message: ThreadReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

port.on('message', async (message: ThreadRequest | typeof endThread) => {
  if (message === endThread) {
    port.close();
    return;
  }
  const { id, stage, input, batch } = message;
  try {
    const index = stage - firstStage;
    const session = sessions[index];
    const shape = inputShapes[index];
    if (!session || !shape) throw new Error(`stage ${stage} is not loaded`);
    const started = performance.now();
    const outputs = await session.run({
      [stageTensors.input]: new Tensor('float32', input, [batch, ...shape]),
    });
    const computeMs = performance.now() - started;
    const floats = (name: string): Float32Array<ArrayBuffer> | null =>
      (outputs[name]?.data as Float32Array<ArrayBuffer> | undefined) ?? null;
    const probabilities = floats(stageTensors.probabilities);
    const confidence = floats(stageTensors.confidence);
    if (!probabilities || !confidence) throw new Error(`stage ${stage} lacks an output`);
    const activation = floats(stageTensors.activation);
    const owned = [probabilities, confidence, ...(activation ? [activation] : [])].map(
      ({ buffer }) => buffer,
    );
    reply({ id, output: { activation, probabilities, confidence }, computeMs }, owned);
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.message : String(error) });
  }
});

reply({ ready: true });
