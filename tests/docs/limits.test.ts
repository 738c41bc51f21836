import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { workerConfig } from '@offramp/cloud-worker';
import { controllerConfig } from '@offramp/controller';
import { agentConfig } from '@offramp/edge-agent';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { readTables, root } from '../support/documents.js';

const programs: Record<string, Record<string, z.ZodType>> = {
  Agent: agentConfig.shape,
  Worker: workerConfig.shape,
  Controller: controllerConfig.shape,
};

const factors: Record<string, number> = {
  '': 1,
  ...{ B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 },
  ...{ ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 },
  '%': 0.01,
};

/** A default as the table writes it, such as `1,024`, `16 MiB`, `2 s` (in milliseconds), `25 %` or `1/8`. */
function readQuantity(text: string): number {
  const fraction = /^(\d+)\/(\d+)$/.exec(text);
  if (fraction) return Number(fraction[1]) / Number(fraction[2]);
  const [, digits, unit = ''] = /^([\d,.]+) ?(\D*)$/.exec(text) ?? [];
  const factor = factors[unit];
  if (digits === undefined || factor === undefined) throw new Error(`expected a number, found ${text}`);
  return Number(digits.replaceAll(',', '')) * factor;
}

/** The default of an option, such as `--max-in-flight`. */
function defaultOf(program: string, flag: string): unknown {
  const key = flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const schema = programs[program]?.[key];
  if (!schema) throw new Error(`${program} has no option ${flag}`);
  return schema.parse(undefined);
}

/** The value of a constant made of numbers alone, or of one of the fields of such a constant. */
function constantOf(path: string, name: string): unknown {
  const [constant = '', field] = name.split('.');
  const file = join(root, path);
  if (!existsSync(file)) throw new Error(`no file ${path}`);
  const declared = new RegExp(`^(?:export )?const ${constant}(?:: \\w+)? = ([^;]+);`, 'm');
  const expression = declared.exec(readFileSync(file, 'utf8'))?.[1]?.replace(/ as const$/, '');
  if (expression === undefined) throw new Error(`${path} has no constant ${constant}`);
  const value = runInNewContext(`(${expression})`);
  return field === undefined ? value : value[field];
}

describe.each(readTables('docs/limits.md'))('$heading', ({ heading, rows }) => {
  it.each(rows)('%s', (_limit, setBy = '', written = '') => {
    const [, flag, path = '', name = ''] = /^`(?:(--[a-z-]+)|([\w./-]+): ([\w.]+))`$/.exec(setBy) ?? [];
    const program = heading.replace(/:.*/, '');
    const value = flag === undefined ? constantOf(path, name) : defaultOf(program, flag);
    expect(value).toBeCloseTo(readQuantity(written), 9);
  });
});
