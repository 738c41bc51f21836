import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filesBeside } from './files-beside.js';
import { temporaryFolder } from './temporary-folder.js';

it('lists the files of a folder', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'b'), '');
  await writeFile(join(folder, 'a'), '');
  expect(filesBeside(folder, 'some tests', { environment: { CI: '1' } })).toEqual(['a', 'b']);
});

it('says what is skipped where there are none', () => {
  const said: string[] = [];
  const options = { environment: {}, say: (line: string) => said.push(line) };
  expect(filesBeside('/absent', 'some tests', options)).toEqual([]);
  expect(said).toEqual(['SKIPPED: some tests: there are no files in /absent\n']);
});

it('fails instead in CI', () => {
  expect(() => filesBeside('/absent', 'some tests', { environment: { CI: '1' } })).toThrow(
    'some tests: expected files in /absent, found none',
  );
});
