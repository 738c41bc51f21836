import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTables, root } from '../support/documents.js';

const rooms = readTables('docs/architecture.md').flatMap(({ heading, rows }) => {
  const folder = /^`(.+)`: /.exec(heading)?.[1];
  return folder === undefined ? [] : [{ folder, names: rows.flatMap(([cell = '']) => namesIn(cell)) }];
});

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

describe.each(rooms)('the rooms of $folder', ({ folder, names }) => {
  it('are there', () => {
    expect(names.filter((name) => !existsSync(join(root, folder, name)))).toEqual([]);
  });

  it('include every folder', () => {
    const folders = readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'testing')
      .map((entry) => `${entry.name}/`);
    expect(names).toEqual(expect.arrayContaining(folders));
  });
});
