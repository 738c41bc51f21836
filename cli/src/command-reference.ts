import type { Command } from 'commander';
import { createProgram } from './main.js';

const introduction = `# Commands

Generated from the programs' \`--help\` by \`npm run docs\`; a test compares.

Every option can be given as a flag, as an environment variable (\`env\`), or in the file that \`--config\` names,
there as \`max-queue\` or \`maxQueue\`. Flags win over the environment, the environment over the file, the file
over defaults. Options with commas in their value may also be given several times. Any other option that takes
a value is refused when it is given twice.

The exit status is 0 for success, 2 for wrong usage or configuration, and 1 for any other failure. Errors
go to standard error as \`error [CODE]: message\`; a code never changes its meaning.
`;

/** The help of every command and sub-command, as Markdown. */
export async function commandReference(): Promise<string> {
  return [introduction, ...sections(await createProgram(), [])].join('\n');
}

function sections(command: Command, parents: readonly string[]): string[] {
  const path = [...parents, command.name()];
  const help = command.helpInformation().trimEnd();
  return [
    `${'#'.repeat(Math.min(path.length + 1, 4))} ${path.join(' ')}\n\n\`\`\`\n${help}\n\`\`\`\n`,
    ...command.commands.flatMap((child) => sections(child, path)),
  ];
}
