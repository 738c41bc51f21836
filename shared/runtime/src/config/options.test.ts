import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../testing/temporary-folder.js';
import { addConfigOptions, defineConfig, resolveConfig } from './options.js';

const definition = defineConfig('test', {
  name: z.string().default('nobody').describe('A name'),
  maxItems: z.number().int().min(0).default(3).describe('Most items'),
  verbose: z.boolean().default(false).describe('Say more'),
  color: z.boolean().default(true).describe('Use colour'),
  mode: z.enum(['fast', 'exact']).default('fast').describe('How'),
  weights: z.array(z.number()).default([1, 2]).describe('Per item'),
  paths: z.array(z.string()).optional().describe('Where to look'),
});

/** Runs a command line as the programs do, with a positional argument to keep. */
async function resolve(
  argv: string[],
  environment: Record<string, string> = {},
): Promise<Awaited<ReturnType<typeof resolveConfig<typeof definition.shape>>> & { positional?: string }> {
  const command = addConfigOptions(new Command('test').argument('[positional]'), definition)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  command.parse(argv, { from: 'user' });
  const config = await resolveConfig(definition, command.opts(), environment);
  return command.args[0] === undefined ? config : { ...config, positional: command.args[0] };
}

async function fileOf(text: string, name = 'config.yaml'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, text);
  return path;
}

const defaults = { name: 'nobody', maxItems: 3, verbose: false, color: true, mode: 'fast', weights: [1, 2] };

describe('resolveConfig', () => {
  it('falls back on defaults', async () => {
    expect(await resolve([])).toEqual(defaults);
  });

  it('prefers flags to the environment, that to the file, and that to defaults', async () => {
    const file = await fileOf('name: file\nmaxItems: 10\nmode: exact\nweights: [7]\n');
    const environment = { OFFRAMP_TEST_NAME: 'environment', OFFRAMP_TEST_MAX_ITEMS: '20' };
    expect(await resolve(['--config', file, '--name', 'flag'], environment)).toEqual({
      ...defaults,
      ...{ name: 'flag', maxItems: 20, mode: 'exact', weights: [7] },
    });
  });

  it.each(['max-items: 5', 'maxItems: 5', '{"max-items": 5}', '{"maxItems": 5}'])(
    'reads %s',
    async (text) => {
      expect(await resolve(['--config', await fileOf(text)])).toEqual({ ...defaults, maxItems: 5 });
    },
  );

  it.each(['', '# nothing but a comment\n'])('takes the empty file %j', async (text) => {
    expect(await resolve(['--config', await fileOf(text)])).toEqual(defaults);
  });

  it('takes an empty environment variable for none', async () => {
    expect(await resolve([], { OFFRAMP_TEST_MAX_ITEMS: '', OFFRAMP_TEST_NAME: '' })).toEqual(defaults);
  });

  it.each([
    [['--verbose', '--no-color'], {}, { verbose: true, color: false }],
    [[], { OFFRAMP_TEST_VERBOSE: 'true', OFFRAMP_TEST_COLOR: 'false' }, { verbose: true, color: false }],
    [[], { OFFRAMP_TEST_VERBOSE: '1', OFFRAMP_TEST_COLOR: '0' }, { verbose: true, color: false }],
    [['--no-color'], { OFFRAMP_TEST_COLOR: 'true' }, { color: false }],
    [['--mode', 'exact'], {}, { mode: 'exact' }],
    [['--max-items', '0'], {}, { maxItems: 0 }],
    [['--max-items=7'], {}, { maxItems: 7 }],
    [['--weights', '0.5,1,2'], {}, { weights: [0.5, 1, 2] }],
    [['--weights', '0.5', '--weights', '1, 2'], {}, { weights: [0.5, 1, 2] }],
    [['--weights=-1,2'], {}, { weights: [-1, 2] }],
    [['--paths', 'a', '--paths', 'b,c'], {}, { paths: ['a', 'b', 'c'] }],
    [[], { OFFRAMP_TEST_WEIGHTS: '4,5' }, { weights: [4, 5] }],
    [['--paths', 'a', 'kept'], {}, { paths: ['a'], positional: 'kept' }],
    [['--name', '17'], {}, { name: '17' }],
  ])('reads %j in %j', async (argv, environment, expected) => {
    expect(await resolve(argv, environment)).toEqual({ ...defaults, ...expected });
  });

  it.each([
    ['a flag', ['--max-items', 'many'], {}, /^--max-items: expected number; found "many"$/],
    ['a flag', ['--max-items', '1.5'], {}, /^--max-items: .*expected int.*; found 1.5$/],
    ['a flag', ['--max-items=-1'], {}, /^--max-items: expected at least 0; found -1$/],
    ['a flag', ['--max-items', ' '], {}, /^--max-items: .*expected number.*; found " "$/],
    ['a flag', ['--max-items', 'Infinity'], {}, /^--max-items: .*expected number.*; found Infinity$/],
    ['a flag', ['--mode', 'slow'], {}, /^--mode: expected one of "fast"\|"exact"; found "slow"$/],
    ['a flag', ['--weights', '1,x'], {}, /^--weights: .*expected number.*; found \[1,"x"\]$/],
    [
      'the environment',
      [],
      { OFFRAMP_TEST_VERBOSE: 'yes' },
      /^OFFRAMP_TEST_VERBOSE: .*boolean.*; found "yes"$/,
    ],
    [
      'the environment',
      [],
      { OFFRAMP_TEST_MAX_ITEMS: 'x' },
      /^OFFRAMP_TEST_MAX_ITEMS: .*number.*; found "x"$/,
    ],
  ])('tells what is wrong in %s, %j %j', async (_, argv, environment, message) => {
    await expect(resolve(argv, environment)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('tells everything that is wrong at once, a line each', async () => {
    const file = await fileOf('max-items: many\nmode: fast\n');
    const wrong = resolve(['--config', file, '--mode', 'slow'], { OFFRAMP_TEST_COLOR: 'red' });
    await expect(wrong).rejects.toMatchObject({
      message: expect.stringMatching(
        /^max-items in .*config\.yaml: .*found "many"\nOFFRAMP_TEST_COLOR: .*found "red"\n--mode: .*found "slow"$/,
      ),
    });
  });

  it('asks for what has no default', async () => {
    const required = defineConfig('test', { dataFolder: z.string() });
    await expect(resolveConfig(required, {}, {})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: '--data-folder: expected a value; found nothing',
    });
  });

  it.each(['nmae', 'constructor', 'toString', 'config'])(
    'refuses the unknown key %s in a file',
    async (key) => {
      const file = await fileOf(JSON.stringify({ [key]: 1 }));
      await expect(resolve(['--config', file])).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(
          `config.yaml: unknown option ${key}; expected one of name, maxItems, `,
        ),
      });
    },
  );

  it.each([
    ['{"name": ', 'is neither YAML nor JSON'],
    ['name: [1,', 'is neither YAML nor JSON'],
    ['- name\n- mode\n', 'expected option names with values'],
    ['just text', 'expected option names with values'],
  ])('refuses the file %j', async (text, message) => {
    await expect(resolve(['--config', await fileOf(text)])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('refuses two spellings of one key in a file', async () => {
    const file = await fileOf('max-items: 5\nmaxItems: 6\n');
    await expect(resolve(['--config', file])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^maxItems in .*: expected one value; found 5 and 6$/),
    });
  });

  it('says that there is no file', async () => {
    const path = join(await temporaryFolder(), 'none.yaml');
    await expect(resolve(['--config', path])).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining(path),
    });
  });
});

describe('addConfigOptions', () => {
  it('describes every option: its values, range, default and environment variable', () => {
    const shape = {
      ...definition.shape,
      dataFolder: z.string().describe('Pictures'),
      rate: z.number().positive().max(1).default(0.5).describe('How fast'),
      port: z.number().int().min(0).max(65_535).optional().describe('A port'),
      host: z.string().optional().meta({ description: 'Where', fallback: 'this one' }),
    };
    const command = new Command('test').configureHelp({ helpWidth: 200 });
    const help = addConfigOptions(command, defineConfig('test', shape)).helpInformation().replace(/ +/g, ' ');
    for (const line of [
      '--name <value> A name (default: nobody; env: OFFRAMP_TEST_NAME)',
      '--max-items <n> Most items (at least 0; default: 3; env: OFFRAMP_TEST_MAX_ITEMS)',
      '--verbose Say more (env: OFFRAMP_TEST_VERBOSE)',
      '--no-color Use colour (env: OFFRAMP_TEST_COLOR)',
      '--mode <value> How (one of fast, exact; default: fast; env: OFFRAMP_TEST_MODE)',
      '--weights <n,...> Per item (default: 1,2; env: OFFRAMP_TEST_WEIGHTS)',
      '--paths <value,...> Where to look (env: OFFRAMP_TEST_PATHS)',
      '--rate <n> How fast (above 0, at most 1; default: 0.5; env: OFFRAMP_TEST_RATE)',
      '--port <n> A port (0 to 65535; env: OFFRAMP_TEST_PORT)',
      '--config <file> ',
      '--host <value> Where (default: this one; env: OFFRAMP_TEST_HOST)',
      '--data-folder <value> Pictures (required; env: OFFRAMP_TEST_DATA_FOLDER)',
    ]) {
      expect(help).toContain(line);
    }
  });
});
