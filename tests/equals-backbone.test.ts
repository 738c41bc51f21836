import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { argMax, Bundle } from '@offramp/bundle';
import { startWorker, type Worker, workerConfig } from '@offramp/cloud-worker';
import { openDataset, type PictureDataset, preprocess } from '@offramp/data';
import { agentConfig, startAgent } from '@offramp/edge-agent';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAnswerLines } from './support/answers.js';
import {
  backbonePath,
  bundlePath,
  bundleWithThresholds,
  picturesPath,
  temporaryFolder,
} from './support/example.js';

const agents = 2;
/** `npm run test:pictures` takes all 10,000. */
const pictures = process.env.OFFRAMP_TEST_ALL_PICTURES ? 10_000 : 1_000;
const { manifest } = await Bundle.open(bundlePath);
const stages = manifest.stages.map((_, i) => i + 1);
const logger = createLogger('test', 'silent');

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
let worker: Worker;
/** The whole backbone's answer per picture, in order. */
let expected: string[];

beforeAll(async () => {
  folder = await temporaryFolder();
  bundle = await bundleWithThresholds(join(folder.path, 'bundle'), () => 2);
  const config = await resolveConfig(workerConfig, { bundle: [bundle.directory], listen: '127.0.0.1:0' }, {});
  worker = await startWorker(config, logger);
  expected = await runBackbone(await openDataset(picturesPath, { split: 'test' }), bundle);
});
afterAll(async () => {
  await worker.stop();
  await folder.remove();
});

describe('with all thresholds above 1', () => {
  it.each(stages)(
    'a fleet of devices that hold %i stages answers what the whole backbone does',
    async (deviceStages) => {
      const parts = await Promise.all(
        Array.from({ length: agents }, (_, shard) => answersOfAgent(deviceStages, `${shard}/${agents}`)),
      );
      const answers = new Map(parts.flat().map((answer) => [answer.sample, answer]));
      expect(answers.size).toBe(pictures);
      expect(parts.flat()).toHaveLength(expected.length);
      const labels = expected.map((_, i) => answers.get(`t10k-images-idx3-ubyte:${i}`)?.label);
      expect(labels).toEqual(expected);
      const whole = deviceStages === stages.length;
      expect([...answers.values()].every(({ degraded, offloaded }) => !degraded && offloaded !== whole)).toBe(
        true,
      );
    },
    120_000,
  );
});

async function answersOfAgent(deviceStages: number, shard: string) {
  const output = new PassThrough();
  const lines = readAnswerLines(output);
  const config = await resolveConfig(
    agentConfig,
    {
      bundle: bundle.directory,
      source: picturesPath,
      shard,
      limit: pictures / agents,
      deviceStages,
      activationCodec: 'lossless',
      cloud: worker.address,
      nats: 'none',
      // The point is what is answered, however busy the machine is.
      offloadTimeoutMs: 60_000,
    },
    {},
  );
  const agent = await startAgent(config, logger, { output });
  await agent.done;
  output.end();
  return lines;
}

async function runBackbone(dataset: PictureDataset, { manifest }: Bundle): Promise<string[]> {
  const session = await InferenceSession.create(await readFile(backbonePath));
  const labels: string[] = [];
  for (let i = 0; i < pictures; i++) {
    const { picture } = await dataset.read(i);
    const input = new Tensor('float32', await preprocess(picture, manifest.input), [
      1,
      ...manifest.input.shape,
    ]);
    const { logits } = await session.run({ input });
    labels.push(manifest.labels[argMax(logits?.data as Float32Array)] ?? '');
  }
  await session.release();
  return labels;
}
