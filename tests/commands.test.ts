import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { commandReference } from '@offramp/cli';
import { describe, expect, it } from 'vitest';

const text = await commandReference();
const reference = new URL('../docs/commands.md', import.meta.url);

describe('docs/commands.md', () => {
  it('is what the programs say of themselves', async () => {
    const written = await readFile(reference, 'utf8');
    expect(written, 'docs/commands.md is out of date: run `npm run docs`').toBe(text);
  });

  it('has no default that is the name of this machine', () => {
    expect(text.replace(/\s+/g, ' ')).not.toContain(`default: ${hostname()};`);
  });

  it('fits 110 columns', () => {
    const wide = text.split('\n').filter((line) => line.length > 110);
    expect(wide).toEqual([]);
  });

  it('describes every option and argument', () => {
    const undescribed = text
      .split('\n')
      .filter((line) => /^ {2}(-\S+|[a-z]+)( <[^>]+>)? +\(|^ {2}[a-z-]+$/.test(line));
    expect(undescribed).toEqual([]);
  });
});
