// The offloads of devices: the example's test pictures that no exit on the device answers, run up to every stage.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferencePool, runStage } from '@offramp/bundle';
import { openDataset, preprocess } from '@offramp/data';

const readBatch = 16;

/**
 * Writes, for each stage from `firstStage` on, the inputs of the samples that reach it (`<stage>.f32`). These are the samples
 * that are offloaded, at most `most`.
 * @returns samples per stage, 0 before `firstStage`
 */
export async function writeOffloads(bundle, dataFolder, firstStage, most, folder) {
  const { manifest } = bundle;
  const { thresholds } = manifest.policy;
  const dataset = await openDataset(dataFolder, {
    split: 'test',
    channels: manifest.input.shape[0] === 1 ? 1 : 3,
  });
  const pool = await InferencePool.create(bundle);
  const rows = manifest.stages.map(() => []);
  for (let next = 0; next < dataset.size && rows[firstStage].length < most; next += readBatch) {
    const count = Math.min(readBatch, dataset.size - next);
    let samples = Array.from({ length: count }, () => ({ thresholds, passed: [] }));
    const pictures = await Promise.all(
      samples.map(async (_, i) => preprocess((await dataset.read(next + i)).picture, manifest.input)),
    );
    let activation = concat(pictures);
    for (let stage = 0; stage < manifest.stages.length && samples.length > 0; stage++) {
      const width = activation.length / samples.length;
      if (stage >= firstStage) {
        samples.forEach((_, row) => {
          rows[stage].push(activation.slice(row * width, (row + 1) * width));
        });
      }
      const step = await runStage(pool, stage, samples, activation);
      samples = step.staying;
      activation = step.activation;
    }
  }
  await pool.close();
  await mkdir(folder, { recursive: true });
  for (const [stage, inputs] of rows.entries()) {
    const { buffer } = concat(inputs);
    await writeFile(join(folder, `${stage}.f32`), new Uint8Array(buffer));
  }
  return rows.map(({ length }) => length);
}

/** All inputs of one stage. */
export async function readOffloads(folder, stage) {
  const bytes = await readFile(join(folder, `${stage}.f32`));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function concat(arrays) {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
