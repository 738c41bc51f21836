import { fileURLToPath } from 'node:url';
import { neverExit } from '@offramp/contracts';
import { ManualClock, temporaryFolder } from '@offramp/runtime/testing';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Bundle } from '../files/bundle.js';
import { writeBundle } from '../files/write-bundle.js';
import { checkSessionOptions } from '../inference/session-options.js';
import { elementsOf } from '../shape.js';
import { sampleBundle } from '../testing/sample-bundle.js';
import type { CascadeSample } from './cascade.js';
import { InlineCascade } from './inline-cascade.js';

const directory = fileURLToPath(new URL('../../../../examples/fashion-mnist/bundle', import.meta.url));

let bundle: Bundle;
let input: Float32Array;
let clock: ManualClock;
let inline: InlineCascade;

beforeAll(async () => {
  bundle = await Bundle.open(directory);
  input = Float32Array.from({ length: elementsOf(bundle.manifest.input.shape) }, (_, i) => Math.sin(i));
});

afterEach(() => inline.close());

const inlineOf = (of = bundle, stages = of.manifest.stages.length) => {
  clock = new ManualClock();
  inline = new InlineCascade(of, stages, checkSessionOptions({}), clock);
  return inline;
};
const sampleWith = (thresholds: readonly number[]): CascadeSample => ({ thresholds, passed: [] });
const passesAll = () => sampleWith(neverExit(bundle.branches));

async function ready(): Promise<void> {
  for (let i = 0; i < 16; i++) inline.noteThreadTime(0.5);
  await expect.poll(() => inline.free).toBe(true);
}

describe('InlineCascade', () => {
  it('takes samples after 16 quick ones in a row, and not earlier', async () => {
    inlineOf();
    for (const milliseconds of [...Array(15).fill(0.5), 3, ...Array(15).fill(0.5)]) {
      inline.noteThreadTime(milliseconds);
    }
    await new Promise(setImmediate);
    expect(inline.free).toBe(false);
    await ready();
  });

  it('takes one sample at a time, to its exit or past the last', async () => {
    const { stages } = bundle.manifest;
    inlineOf();
    await ready();
    const sample = passesAll();
    const running = inline.run(sample, input);
    expect(inline.free).toBe(false);
    expect(await running).toMatchObject({ left: { exit: stages.length - 1 } });
    expect(sample.passed).toHaveLength(stages.length - 1);
    expect(inline.free).toBe(true);

    const early = sampleWith(neverExit(bundle.branches).map((never, exit) => (exit === 1 ? 0 : never)));
    expect(await inline.run(early, input)).toEqual({ left: expect.objectContaining({ exit: 1 }) });
    expect(early.passed.map(({ exit }) => exit)).toEqual([0]);
    await inline.close();

    inlineOf(bundle, 2);
    await ready();
    const end = await inline.run(passesAll(), input);
    expect('activation' in end && end.activation).toHaveLength(elementsOf(stages[2]?.inputShape ?? []));
  });

  it('in a hurry, ends a sample at the first exit that it passes', async () => {
    inlineOf();
    await ready();
    inline.hurry();
    const sample = passesAll();
    expect(await inline.run(sample, input)).toHaveProperty('activation');
    expect(sample.passed).toHaveLength(1);
  });

  it('lets the running sample end when it is closed, and takes no other', async () => {
    inlineOf();
    await ready();
    const sample = passesAll();
    const running = inline.run(sample, input);
    await inline.close();
    expect(inline.free).toBe(false);
    expect(await running).toHaveProperty('activation');
    for (let i = 0; i < 16; i++) inline.noteThreadTime(0.5);
    expect(inline.free).toBe(false);
  });

  it('goes back to the threads when samples turn out to be slow here', async () => {
    inlineOf();
    await ready();
    for (let samples = 0; samples < 3 && inline.free; samples++) {
      const running = inline.run(passesAll(), input);
      clock.advance(50);
      await running;
    }
    expect(inline.free).toBe(false);
    await ready();
  });

  it('leaves stages that cannot be opened to the threads', async () => {
    const broken = await writeBundle(`${await temporaryFolder()}/bundle`, sampleBundle());
    inlineOf(broken);
    for (let i = 0; i < 40; i++) inline.noteThreadTime(0.5);
    await inline.close();
    expect(inline.free).toBe(false);
  });
});
