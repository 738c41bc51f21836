import type { PictureFile, PictureInput } from '@offramp/bundle';
import { packPicture } from '@offramp/data';
import { ManualClock } from '@offramp/runtime/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Sender } from '../batching/fair-clock.js';
import { PendingSample, type SampleOutcome } from '../batching/pending-sample.js';
import { PictureQueue } from './picture-queue.js';

const input: PictureInput = { shape: [1, 8, 8], preprocessing: { mean: [0], std: [1], scale: 'raw' } };
const pixels = Uint8Array.from({ length: 64 }, (_, i) => 3 * i);
/** Claims to be JPEG. */
const broken: PictureFile = { bytes: Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 7), format: 'jpeg', fitted: true };

let whole: PictureFile;
let clock: ManualClock;
let queue: PictureQueue;
let order: string[];
beforeEach(async () => {
  whole = {
    bytes: await packPicture(pixels, input, { form: 'webp-lossless' }),
    format: 'webp',
    fitted: true,
  };
  clock = new ManualClock();
  queue = new PictureQueue(clock, 1);
  order = [];
});
afterEach(() => queue.close());

/** Adds a picture. @returns what becomes of it: its input's values, or how it was settled */
function add(name: string, sender: Sender, file = whole, deadlineMs = Number.POSITIVE_INFINITY) {
  let settle: (how: SampleOutcome | number[]) => void = () => undefined;
  const end = new Promise<SampleOutcome | number[]>((resolve) => {
    settle = resolve;
  });
  const sample = new PendingSample({
    ...{ bundleDigest: new Uint8Array(32), sender, thresholds: [], arrivedMs: 0, deadlineMs, input: null },
    onSettled: (settled, outcome) => {
      queue.settled(settled);
      order.push(name);
      settle(outcome);
    },
  });
  const onDecoded = () => {
    const values = new Float32Array(64);
    sample.input?.decodeInto(values);
    order.push(name);
    settle([...values]);
  };
  queue.add({ sample, file, input, name, onDecoded });
  return { sample, end };
}

describe('PictureQueue', () => {
  it('gives a sample the input that its picture makes', async () => {
    expect(await add('a', new Sender()).end).toEqual([...pixels]);
  });

  it('refuses a picture that cannot be decoded for itself alone', async () => {
    const sender = new Sender();
    const [bad, good] = [add('bad', sender, broken), add('good', sender)];
    expect(await bad.end).toMatchObject({ kind: 'refused', error: { code: 'IMAGE_INVALID' } });
    expect(await good.end).toEqual([...pixels]);
  });

  it('lets senders take turns', async () => {
    const [many, few] = [new Sender(), new Sender()];
    const ends = ['a1', 'a2', 'a3', 'a4'].map((name) => add(name, many).end);
    await Promise.all([...ends, add('b1', few).end, add('b2', few).end]);
    expect(order).toEqual(['a1', 'a2', 'b1', 'a3', 'b2', 'a4']);
  });

  it('forgets pictures that nobody awaits any more, and refuses those whose deadline has passed', async () => {
    const sender = new Sender();
    const first = add('first', sender);
    const late = add('late', sender, whole, 100);
    const abandoned = add('abandoned', sender);
    expect(queue.size).toBe(2);
    abandoned.sample.settle({ kind: 'abandoned' });
    expect(queue.size).toBe(1);
    clock.advance(200);
    await first.end;
    expect(await late.end).toMatchObject({ kind: 'refused', error: { code: 'DEADLINE_EXCEEDED' } });
    expect(queue.size).toBe(0);
  });

  it('refuses what waits when it closes', async () => {
    const ends = [add('a', new Sender()).end, add('b', new Sender()).end];
    queue.close();
    for (const end of ends) expect(await end).toMatchObject({ kind: 'refused', error: { code: 'STOPPING' } });
  });
});
