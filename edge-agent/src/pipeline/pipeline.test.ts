import { Bundle, type CascadeSample } from '@offramp/bundle';
import { systemClock } from '@offramp/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { SampleWriter } from '../offload/sample-writer.js';
import { PolicyHolder } from '../policy/policy-holder.js';
import { exampleBundleDirectory } from '../testing/example.js';
import { type IncomingSample, Pipeline, type PipelineParts } from './pipeline.js';

const never = () => new Promise<never>(() => undefined);

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
});

function pipelineWith(run: PipelineParts['cascade']['run']): Pipeline {
  const { thresholds } = bundle.manifest.policy;
  const group = { group: 'g', device: 'd', branches: bundle.branches, bundleDigest: bundle.digestBytes };
  return new Pipeline({
    bundle,
    deviceStages: 1,
    cascade: { run, hurry: () => undefined },
    policy: new PolicyHolder(group, thresholds),
    link: null,
    writer: new SampleWriter(bundle.manifest, 1, false),
    auditor: { consider: () => undefined },
    clock: systemClock,
  });
}

const sample = (load: IncomingSample['load']) => ({ name: 'cat', trueLabelIndex: null, load });
const stopping = { kind: 'failed', answer: { sample: 'cat', error: { code: 'STOPPING' } } };

describe('a pipeline that gives up', () => {
  it('ends samples whose picture never loads, or whose stage never ends', async () => {
    const pipeline = pipelineWith(never);
    const results = [
      pipeline.run(sample(never)),
      pipeline.run(sample(async () => ({ input: new Float32Array() }))),
    ];
    await new Promise(setImmediate);
    pipeline.hurry();
    pipeline.giveUp();
    for (const result of await Promise.all(results)) expect(result).toMatchObject(stopping);
  });

  it('answers by an exit that the sample has passed, if any', async () => {
    const pipeline = pipelineWith((passing: CascadeSample) => {
      passing.passed.push({ exit: 0, label: 3, confidence: 0.5 });
      return never();
    });
    const result = pipeline.run(sample(async () => ({ input: new Float32Array() })));
    await new Promise(setImmediate);
    pipeline.hurry();
    pipeline.giveUp();
    expect(await result).toMatchObject({
      kind: 'answered',
      answer: { exit: 0, labelIndex: 3, degraded: true },
    });
  });

  it('has no effect on samples that have ended', async () => {
    const pipeline = pipelineWith(async () => ({ left: { exit: 0, label: 3, confidence: 0.9 } }));
    const result = await pipeline.run(sample(async () => ({ input: new Float32Array() })));
    pipeline.giveUp();
    expect(result).toMatchObject({ kind: 'answered', answer: { degraded: false } });
  });
});
