import { createProgram } from '@offramp/cli';
import { errorCodes, isOfframpError } from '@offramp/runtime';
import { propertyNames, unreadableNames } from '@offramp/runtime/testing';
import type { Command } from 'commander';
import { expect, vi } from 'vitest';

/** Every name that programs may be given: those of properties, and texts that nobody can read. */
export const outsideNames: ReadonlyMap<string, string> = new Map([
  ...propertyNames.map((name) => [name, name] as const),
  ...unreadableNames,
]);

/** Whether devices, groups and workers may be called so. */
export const isFleetName = (name: string) => (propertyNames as readonly string[]).includes(name);

/** Characters that move a terminal's cursor, or the text around them. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
/** Of an error's message: a name of 10 kB is not in it, … */
const maxMessageLength = 1_000;
/** … but a path or an option of a command line may be. */
const maxCommandMessageLength = 4_000;

/** Expects text that a terminal shows as it is. */
export function expectPrintable(text: string, about: string): void {
  for (const line of text.split('\n'))
    expect(unprintable.exec(line)?.[0], `${about}: ${line}`).toBeUndefined();
}

/** Expects a code of the catalogue that is no defect, and a message for people. */
export function expectTyped(
  error: { code: string; message: string },
  about: string,
  maxLength = maxMessageLength,
): void {
  expect(errorCodes, about).toContain(error.code);
  expect(error.code, `${about}: ${error.message.slice(0, 500)}`).not.toBe('INTERNAL');
  expect(error.message.length, about).toBeLessThanOrEqual(maxLength);
  expectPrintable(error.message, about);
}

/** Runs a command line in this process. Expects a typed error or none, and output that a terminal shows as it is. */
export async function runHere(...args: string[]): Promise<{ code: string | null; output: string }> {
  const about = `offramp ${JSON.stringify(args).slice(0, 200)}`;
  let output = '';
  const take = (text: unknown) => {
    output += String(text);
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(take),
    vi.spyOn(process.stderr, 'write').mockImplementation(take),
    ...(['log', 'error'] as const).map((method) =>
      vi.spyOn(console, method).mockImplementation((text: unknown) => void take(`${text}\n`)),
    ),
  ];
  let code: string | null = null;
  try {
    const program: Command = await createProgram(args[0]);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (isOfframpError(error)) {
      expectTyped(error, about, maxCommandMessageLength);
      code = error.code;
      output += error.message;
    } else {
      expect(error, about).toMatchObject({ name: 'CommanderError' });
      code = 'USAGE';
    }
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  expectPrintable(output, about);
  return { code, output };
}
