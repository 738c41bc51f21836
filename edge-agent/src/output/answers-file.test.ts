import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@offramp/runtime/testing';
import { expect, test } from 'vitest';
import { AnswersFile, type TornLine } from './answers-file.js';

/** Appends lines to a file and closes it. */
async function append(path: string, lines: readonly string[], { maxBytes = 0, kept = 2 } = {}) {
  const torn: TornLine[] = [];
  const file = await AnswersFile.open({ path, maxBytes, kept, onTornLine: (line) => torn.push(line) });
  file.cork();
  for (const line of lines) file.write(`${line}\n`);
  file.uncork();
  await new Promise<void>((resolve) => file.end(resolve));
  return torn;
}

const newPath = async () => join(await temporaryFolder(), 'answers.jsonl');
const answer = (id: number) => `{"id":${id},"label":"ä"}`;

test.each<[string, string, string, TornLine[]]>([
  ['whole', `${answer(1)}\n`, `${answer(1)}\n`, []],
  ['complete except for its line break', answer(1), `${answer(1)}\n`, []],
  ['torn', `${answer(1)}\n{"id":2,"la`, `${answer(1)}\n`, [{ text: '{"id":2,"la', removed: true }]],
  ['incomplete', `${answer(1)}\n{"i`, `${answer(1)}\n`, [{ text: '{"i', removed: true }]],
  ['incomplete and the only one', '{"id":2', '', [{ text: '{"id":2', removed: true }]],
  ['no answer', 'a note', 'a note\n', [{ text: 'a note', removed: false }]],
  ['missing', '', '', []],
])('appends to a file whose last line is %s', async (_, before, kept, torn) => {
  const path = await newPath();
  await writeFile(path, before);
  expect(await append(path, [answer(7), answer(8)])).toEqual(torn);
  expect(await readFile(path, 'utf8')).toBe(`${kept}${answer(7)}\n${answer(8)}\n`);
});

test('a file that grows too large is renamed, between lines, and the oldest deleted', async () => {
  const path = await newPath();
  const limits = { maxBytes: 2 * (Buffer.byteLength(answer(1)) + 1), kept: 2 };
  for (let id = 1; id < 10; id += 3) await append(path, [answer(id), answer(id + 1), answer(id + 2)], limits);
  const contents = await Promise.all([`${path}.2`, `${path}.1`, path].map((each) => readFile(each, 'utf8')));
  expect(contents).toEqual([[5, 6], [7, 8], [9]].map((ids) => ids.map((id) => `${answer(id)}\n`).join('')));
  expect(existsSync(`${path}.3`)).toBe(false);
});

test('a line above the largest size has a file of its own', async () => {
  const path = await newPath();
  await append(path, [answer(1), answer(2)], { maxBytes: 1 });
  expect(await readFile(`${path}.1`, 'utf8')).toBe(`${answer(1)}\n`);
  expect(await readFile(path, 'utf8')).toBe(`${answer(2)}\n`);
});

test('an interrupted rotation loses nothing', async () => {
  const path = await newPath();
  const limits = { maxBytes: 1, kept: 3 };
  await append(path, [answer(1), answer(2), answer(3)], limits);
  await rename(`${path}.1`, `${path}.3`);
  await append(path, [answer(4)], limits);
  const contents = await Promise.all([1, 2, 3].map((i) => readFile(`${path}.${i}`, 'utf8')));
  expect(contents).toEqual([3, 1, 2].map((id) => `${answer(id)}\n`));
});

test('writes to a device file without renaming it', async () => {
  expect(await append('/dev/null', [answer(1), answer(2)], { maxBytes: 1 })).toEqual([]);
  expect(existsSync('/dev/null.1')).toBe(false);
});
