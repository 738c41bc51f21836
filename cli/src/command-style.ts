import { readableText, redactUrls, shortText } from '@offramp/runtime';
import type { Command } from 'commander';

/** Columns to which help is wrapped; the same everywhere, so that the reference does not depend on a terminal. */
const helpWidth = 110;

/** Of an error about a command line, which it quotes. */
const maxErrorLength = 1_000;

/** Gives a command and everything below it one way to show help, and to report wrong usage: by throwing. */
export function styleCommands(command: Command): Command {
  command
    .helpOption('-h, --help', 'Print help')
    .helpCommand(false)
    .showHelpAfterError('  Add --help to see the options.')
    .configureHelp({ helpWidth })
    .configureOutput({
      outputError: (text, write) => {
        const message = redactUrls(text.trimEnd().replace(/^error: /, 'error [USAGE]: '));
        write(`${readableText(shortText(message, maxErrorLength))}\n`);
      },
    })
    .exitOverride();
  for (const child of command.commands) styleCommands(child);
  return command;
}
