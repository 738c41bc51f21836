import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@offramp/runtime/testing';
import type { Command, Option } from 'commander';
import { afterEach, expect, it, vi } from 'vitest';
import { createProgram } from './main.js';

interface CommandOption {
  command: string[];
  option: Option;
}

/** Every option with a value, of every command; `command` includes a text for each positional argument. */
function optionsOf(command: Command, path: readonly string[]): CommandOption[] {
  const positional = command.registeredArguments.map(() => 'nowhere');
  return [
    ...command.options
      .filter(({ required }) => required)
      .map((option) => ({ command: [...path, ...positional], option })),
    ...command.commands.flatMap((child) => optionsOf(child, [...path, child.name()])),
  ];
}

const options = optionsOf(await createProgram(), []);
const named = (all: CommandOption[]) =>
  all.map(({ command, option }) => [[...command, option.long].join(' '), command, option] as const);

const run = async (argv: readonly string[]) =>
  (await createProgram(argv[0])).parseAsync(argv, { from: 'user' });

afterEach(() => {
  vi.unstubAllEnvs();
});

const times = named(options.filter(({ option }) => /-(ms|minutes)$/.test(option.long ?? '')));

it.each(times)(
  '%s refuses 2^31 ms from flag, environment and file, and names the range',
  async (_, command, option) => {
    const flag = option.long as string;
    const tooLong = String(2 ** 31);
    const refusal = {
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/: expected [\d.]+ to \d+; found 2147483648$/m),
    };
    await expect(run([...command, flag, tooLong])).rejects.toMatchObject(refusal);
    const file = join(await temporaryFolder(), 'options.yaml');
    await writeFile(file, `${flag.slice(2)}: ${tooLong}\n`);
    await expect(run([...command, '--config', file])).rejects.toMatchObject(refusal);
    vi.stubEnv(/env: (\w+)/.exec(option.description)?.[1] ?? '', tooLong);
    await expect(run(command)).rejects.toMatchObject(refusal);
  },
);

it('finds times among the options', () => {
  expect(times.map(([name]) => name)).toEqual(
    expect.arrayContaining([
      'agent --offload-timeout-ms',
      'augment nowhere --checkpoint-minutes',
      'fleet top --refresh-ms',
      'health worker --health-timeout-ms',
    ]),
  );
});

const takesSeveral = ({ option }: CommandOption) => /,\.\.\.>$/.test(option.flags);

it.each(named(options.filter((each) => !takesSeveral(each))))(
  '%s is refused when it is given twice',
  async (_, command, option) => {
    const flag = option.long as string;
    await expect(run([...command, flag, 'one', flag, 'two'])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `${flag}: expected one value; found "one" and "two"`,
    });
  },
);
