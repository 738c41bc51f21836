import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { OfframpError } from '../errors/offramp-error.js';
import { ManualClock, temporaryFolder } from '../testing/index.js';
import { LiveFiles, type WatchedFile } from './live-files.js';

let clock: ManualClock;
let files: [WatchedFile, WatchedFile];
let lines: { level: number; msg: string; reason?: string }[];

async function setUp() {
  clock = new ManualClock();
  const folder = await temporaryFolder();
  const watched = (name: string, secret: boolean) => ({ path: join(folder, name), maxBytes: 10, secret });
  files = [watched('left', false), watched('right', true)];
  await write('1', '1');
  lines = [];
}

async function write(left: string, right: string) {
  await writeFile(files[0].path, left);
  await writeFile(files[1].path, right, { mode: 0o600 });
}

/** Of two files that must agree. */
async function open(warnings: (value: string) => string[] = () => []) {
  const make = ([left, right]: readonly Buffer[]) => {
    if (left && right?.equals(left)) return left.toString();
    throw new OfframpError('CREDENTIALS_INVALID', `found ${left} and ${right}`);
  };
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const live = await LiveFiles.open(files, { make, warnings }, clock, logger);
  onTestFinished(() => live.close());
  return live;
}

/** Lets the files be read again, and waits until that is done. */
async function look() {
  await vi.waitFor(() => expect(clock.pending).toBe(1));
  clock.advance(1_000);
  await vi.waitFor(() => expect(clock.pending).toBe(1));
}

const warned = () => lines.filter(({ level }) => level === 40).map(({ msg, reason }) => reason ?? msg);

test('a change of files is a new value, and listeners get it once', async () => {
  await setUp();
  const live = await open();
  const heard: string[] = [];
  live.listen((value) => heard.push(value));
  await look();
  await write('2', '2');
  await look();
  await look();
  expect(live.value).toBe('2');
  expect(heard).toEqual(['2']);
});

test('files that do not fit keep the value, are logged when they stay so, and then once', async () => {
  await setUp();
  const live = await open();
  await write('2', '1');
  await look();
  expect(warned()).toEqual([]);
  await look();
  await look();
  expect(live.value).toBe('1');
  expect(warned()).toEqual(['found 2 and 1']);
  await write('2', '2');
  await look();
  expect(live.value).toBe('2');
});

test.each([
  ['is missing', ({ path }: WatchedFile) => rm(path)],
  ['is too large', ({ path }: WatchedFile) => writeFile(path, 'x'.repeat(11))],
  ['may be read by others', ({ path }: WatchedFile) => chmod(path, 0o640)],
])('a file that %s keeps the value, until it is back', async (_, spoil) => {
  await setUp();
  const live = await open();
  await spoil(files[1]);
  await look();
  await look();
  expect(live.value).toBe('1');
  expect(warned()).toHaveLength(1);
  await rm(files[1].path, { force: true });
  await writeFile(`${files[1].path}.new`, '2', { mode: 0o600 });
  await rename(`${files[1].path}.new`, files[1].path);
  await writeFile(files[0].path, '2');
  await look();
  expect(live.value).toBe('2');
});

test.each([
  ['FILE_NOT_FOUND', ({ path }: WatchedFile) => rm(path)],
  ['SECRET_EXPOSED', ({ path }: WatchedFile) => chmod(path, 0o640)],
  ['SECRET_EXPOSED', ({ path }: WatchedFile) => chmod(path, 0o604)],
  ['CREDENTIALS_INVALID', ({ path }: WatchedFile) => writeFile(path, '2')],
])('at the start, a wrong file is an error: %s', async (code, spoil) => {
  await setUp();
  await spoil(files[1]);
  await expect(open()).rejects.toMatchObject({ code });
});

test('warnings of the value in use are logged once each', async () => {
  await setUp();
  await open((value) => [`value ${value}`]);
  await look();
  await write('2', '2');
  await look();
  expect(warned()).toEqual(['value 1', 'value 2']);
});

test('after closing nothing is read', async () => {
  await setUp();
  const live = await open();
  live.close();
  expect(clock.pending).toBe(0);
});
