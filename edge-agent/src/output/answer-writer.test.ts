import { constants } from 'node:fs';
import { mkdtemp, open as openFile, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { OfframpError } from '@offramp/runtime';
import { makeFifo, temporaryFolder } from '@offramp/runtime/testing';
import { expect, test } from 'vitest';
import { answeredResult } from '../testing/results.js';
import { AnswerWriter } from './answer-writer.js';

const { answer } = answeredResult(0);

/** A reader that reads a chunk only when the test says so. */
class SlowReader extends Writable {
  readonly lines: string[] = [];
  private taken: (() => void) | null = null;

  constructor() {
    super({ highWaterMark: 1, decodeStrings: false });
  }

  override _write(chunk: string, _: string, done: () => void) {
    this.lines.push(chunk);
    this.taken = done;
  }

  take() {
    const { taken } = this;
    this.taken = null;
    taken?.();
  }
}

async function open(output: Writable, where = '-') {
  const seen = { broken: null as OfframpError | null, gone: 0 };
  const writer = await AnswerWriter.open({
    where,
    output,
    ...{ maxBytes: 0, kept: 1, onTornLine: () => undefined },
    onBroken: (error) => {
      seen.broken = error;
    },
    onReaderGone: () => {
      seen.gone++;
    },
  });
  return { writer, seen };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a slow reader delays the next answer, and gets all of them', async () => {
  const reader = new SlowReader();
  const { writer } = await open(reader);
  let accepted = 0;
  for (let i = 0; i < 3; i++) {
    void writer.write(answer).then(() => {
      accepted++;
    });
  }
  await settle();
  expect(accepted).toBe(0);
  expect(writer.pending).toBe(3);
  const flushed = writer.flushed();
  while (writer.pending > 0) {
    reader.take();
    await settle();
  }
  await flushed;
  expect(accepted).toBe(3);
  expect(reader.lines.map((line) => JSON.parse(line))).toEqual([answer, answer, answer]);
});

test('a reader that is gone is no error, and delays nothing', async () => {
  const reader = new SlowReader();
  const { writer, seen } = await open(reader);
  const held = writer.write(answer);
  reader.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  await held;
  await writer.write(answer);
  await writer.flushed();
  expect(seen).toEqual({ broken: null, gone: 1 });
});

test('a full disk is an error', async () => {
  const reader = new SlowReader();
  const { writer, seen } = await open(reader);
  const held = writer.write(answer);
  reader.destroy(Object.assign(new Error('no space left'), { code: 'ENOSPC' }));
  await held;
  expect(seen.broken).toMatchObject({ code: 'OUTPUT_FAILED' });
  expect(seen.gone).toBe(0);
});

test('a file is appended to and closed; standard output is left alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-answers-'));
  const path = join(folder, 'answers.jsonl');
  const reader = new SlowReader();
  for (let i = 0; i < 2; i++) {
    const { writer } = await open(reader, path);
    await writer.write(answer);
    await writer.flushed();
    await writer.close();
  }
  expect(await readFile(path, 'utf8')).toBe(`${JSON.stringify(answer)}\n`.repeat(2));
  expect(reader.lines).toEqual([]);
  await expect(open(reader, join(folder, 'no', 'such'))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
  await rm(folder, { recursive: true });
});

test('answers can be discarded', async () => {
  const reader = new SlowReader();
  const { writer } = await open(reader, 'none');
  await writer.write(answer);
  await writer.flushed();
  expect(reader.lines).toEqual([]);
});

/** A reader of a FIFO that does not read yet. */
const openReader = (path: string) => openFile(path, constants.O_RDONLY | constants.O_NONBLOCK);

test('a FIFO without a reader is refused', async () => {
  const path = await makeFifo(join(await temporaryFolder(), 'answers'));
  await expect(open(new SlowReader(), path)).rejects.toMatchObject({
    code: 'OUTPUT_FAILED',
    message: `cannot write answers to ${path}: no process reads from this FIFO`,
  });
});

test('the reader of a FIFO gets all answers, and the end', async () => {
  const path = await makeFifo(join(await temporaryFolder(), 'answers'));
  const reader = await openReader(path);
  const { writer } = await open(new SlowReader(), path);
  for (let i = 0; i < 3; i++) await writer.write(answer);
  await writer.close();
  expect(await text(reader.createReadStream())).toBe(`${JSON.stringify(answer)}\n`.repeat(3));
});

test('a FIFO can be closed although its reader stalls or is gone', async () => {
  const path = await makeFifo(join(await temporaryFolder(), 'answers'));
  const reader = await openReader(path);
  const stalled = await open(new SlowReader(), path);
  for (let i = 0; i < 2_000; i++) void stalled.writer.write(answer);
  await settle();
  expect(stalled.writer.pending).toBeGreaterThan(0);
  stalled.writer.abandon();
  await stalled.writer.close();

  const left = await open(new SlowReader(), path);
  await reader.close();
  await left.writer.write(answer);
  expect(left.seen).toEqual({ broken: null, gone: 1 });
  await left.writer.close();
});
