import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OfframpError } from '@offramp/runtime';
import { ManualClock } from '@offramp/runtime/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkpointPathOf, TrainingCheckpoint } from './training-checkpoint.js';

const minute = 60_000;
const facts = { seed: 1, epochs: 3 };
const state = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);

let folder: string;
let path: string;
let clock: ManualClock;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offramp-checkpoint-'));
  path = checkpointPathOf(join(folder, 'bundle/'));
  clock = new ManualClock();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (options: { everyMinutes?: number; resume?: boolean; facts?: typeof facts } = {}) =>
  new TrainingCheckpoint(
    path,
    options.facts ?? facts,
    { everyMinutes: options.everyMinutes ?? 0, resume: options.resume ?? false },
    clock,
  );
const stopped = () => Promise.reject(new OfframpError('INTERRUPTED', 'stopped'));

async function leave(bytes: Uint8Array = state): Promise<void> {
  const checkpoint = run();
  await checkpoint.begin({ trainer: 'test' });
  checkpoint.keep(bytes);
  await checkpoint.protect(stopped).catch(() => undefined);
}

describe('TrainingCheckpoint', () => {
  it('is beside the bundle, and contains the last kept state of a stopped run', async () => {
    const checkpoint = run();
    expect(await checkpoint.begin({ trainer: 'test' })).toBeNull();
    checkpoint.keep(state);
    await expect(checkpoint.protect(stopped)).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: `stopped; the training so far is in ${path}`,
      hint: expect.stringContaining('--resume'),
    });
    expect(await readdir(folder)).toEqual(['bundle.checkpoint']);
    expect(await run({ resume: true }).begin({ trainer: 'test' })).toEqual(Buffer.from(state));
  });

  it('is written after the interval, and not before', async () => {
    const checkpoint = run({ everyMinutes: 5 });
    await checkpoint.begin({});
    const save = () => state;
    clock.advance(4.9 * minute);
    await checkpoint.offer(save);
    expect(await readdir(folder)).toEqual([]);
    clock.advance(0.2 * minute);
    await checkpoint.offer(save);
    expect(await readdir(folder)).toEqual(['bundle.checkpoint']);
    await rm(path);
    await checkpoint.offer(save);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is only written at the end with an interval of 0', async () => {
    const checkpoint = run({ everyMinutes: 0 });
    await checkpoint.begin({});
    clock.advance(1000 * minute);
    await checkpoint.offer(() => state);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is kept if a later step fails, and removed after success', async () => {
    const failing = run();
    await failing.begin({ trainer: 'test' });
    failing.keep(state);
    const full = new OfframpError('OUTPUT_FAILED', 'disk full', { hint: 'Make room.' });
    await expect(failing.protect(() => Promise.reject(full))).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      hint: 'Make room. The same command with --resume continues from there.',
    });
    const resumed = run({ resume: true });
    await resumed.begin({ trainer: 'test' });
    expect(await resumed.protect(() => Promise.resolve('done'))).toBe('done');
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not offer --resume if nothing was kept', async () => {
    const error = new OfframpError('TRAINING_FAILED', 'no number');
    await expect(run().protect(() => Promise.reject(error))).rejects.toBe(error);
    await expect(run().protect(stopped)).rejects.toMatchObject({ message: 'stopped' });
  });

  it('does not change the checkpoint of another run', async () => {
    await leave();
    const other = run({ facts: { ...facts, seed: 2 } });
    await other.begin({});
    await other.protect(() => Promise.resolve());
    expect(await readdir(folder)).toEqual(['bundle.checkpoint']);
  });

  it('rejects a training with other options, and names them', async () => {
    await leave();
    const other = run({ resume: true, facts: { seed: 2, epochs: 3 } });
    await expect(other.begin({ trainer: 'test', batchSize: 8 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('seed 1, now 2; batchSize not set, now 8'),
    });
  });

  it('rejects a missing, truncated, changed or foreign file', async () => {
    const begin = () => run({ resume: true }).begin({ trainer: 'test' });
    await expect(begin()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await leave();
    const whole = await readFile(path);
    const changed = Buffer.from(whole);
    changed[whole.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    for (const [bytes, message] of [
      [whole.subarray(0, -1), 'expected 1000 bytes of state, found 999'],
      [whole.subarray(0, 40), 'expected a checkpoint'],
      [changed, 'digest differs'],
      [Buffer.alloc(0), 'expected a checkpoint'],
      [Buffer.from('{"format": "other"}\n'), 'expected a checkpoint'],
    ] as const) {
      await writeFile(path, bytes);
      await expect(begin()).rejects.toMatchObject({
        code: 'CHECKPOINT_INVALID',
        message: expect.stringContaining(message),
      });
    }
  });

  it('reports that it cannot be written', async () => {
    const checkpoint = run();
    await checkpoint.begin({});
    checkpoint.keep(state);
    await rm(folder, { recursive: true });
    await expect(checkpoint.protect(stopped)).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
  });
});
