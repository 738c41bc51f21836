import { readFile } from 'node:fs/promises';
import { errorReference } from '@offramp/cli';
import { errorCodes } from '@offramp/runtime';
import { describe, expect, it } from 'vitest';

const text = errorReference();

describe('docs/errors.md', () => {
  it('is what the error catalogue says', async () => {
    const written = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8');
    expect(written, 'docs/errors.md is out of date: run `npm run docs`').toBe(text);
  });

  it('has a row of six cells for every code', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.map((row) => row.split('|').length - 2)).toEqual(errorCodes.map(() => 6));
  });
});
