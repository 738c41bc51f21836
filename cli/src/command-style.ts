import { readableText, redactUrls, shortText } from '@offramp/runtime';
import type { Command } from 'commander';

/** Width of help texts, in columns. It is fixed, so that the reference does not depend on a terminal. */
const helpWidth = 110;

/** Limit of an error about a command line, which it quotes, in characters. */
const maxErrorLength = 1_000;

/** Configures help and errors of a command and its sub-commands. Wrong usage throws. */
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
