// A bundle's cascade with nothing around it: `session.run` in a loop. The data plane is measured against it.
import { elementsOf } from '@offramp/bundle';
import { leaves } from '@offramp/contracts';
import { openDataset, pictureChannels, preprocess } from '@offramp/data';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** @returns sessions of stages `from` up to `to`, one thread each, as the programs open them */
export async function bareSessions(bundle, from = 0, to = bundle.manifest.stages.length) {
  const models = await bundle.readStages(from, to);
  const sessions = [];
  for (const model of models) {
    sessions.push(
      await InferenceSession.create(model, {
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
      }),
    );
  }
  return sessions;
}

/**
 * Runs samples, `batch` at a time, until each has ended at an exit.
 * @param inputs one per sample
 * @returns the exit of each sample
 */
export async function bareCascade(bundle, sessions, thresholds, inputs, batch = 1) {
  const { stages } = bundle.manifest;
  const exits = new Array(inputs.length);
  for (let first = 0; first < inputs.length; first += batch) {
    let rows = [];
    for (let i = first; i < Math.min(first + batch, inputs.length); i++) rows.push(i);
    let activation = rows.length === 1 ? inputs[first] : joined(rows.map((i) => inputs[i]));
    for (let stage = 0; stage < sessions.length; stage++) {
      const input = new Tensor('float32', activation, [rows.length, ...stages[stage].inputShape]);
      const outputs = await sessions[stage].run({ input });
      const confidence = outputs.confidence.data;
      const last = stage === sessions.length - 1;
      const stay = [];
      rows.forEach((i, row) => {
        if (last || leaves(confidence[row], thresholds[stage])) exits[i] = stage;
        else stay.push(row);
      });
      if (stay.length === 0) break;
      const width = elementsOf(stages[stage].activationShape);
      const all = outputs.activation.data;
      activation =
        stay.length === rows.length
          ? all
          : joined(stay.map((row) => all.subarray(row * width, (row + 1) * width)));
      rows = stay.map((row) => rows[row]);
    }
  }
  return exits;
}

/** The first `count` test pictures, or all, as inputs of the model. */
export async function inputsOf(bundle, data, count) {
  const { input } = bundle.manifest;
  const dataset = await openDataset(data, { split: 'test', channels: pictureChannels(input) });
  const inputs = [];
  for (let i = 0; i < (count ?? dataset.size); i++) {
    inputs.push(await preprocess((await dataset.read(i % dataset.size)).picture, input));
  }
  return inputs;
}

function joined(parts) {
  const all = new Float32Array(parts.length * parts[0].length);
  parts.forEach((part, i) => {
    all.set(part, i * part.length);
  });
  return all;
}
