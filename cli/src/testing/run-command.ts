import { main } from '../main.js';

/** A command that has ended. */
export interface EndedCommand {
  /** The exit status */
  status: number;
  stdout: string;
  stderr: string;
}

/** The command that runs now; the next one waits for it. */
let running: Promise<unknown> = Promise.resolve();

/**
 * Runs a command to its end in this process, which saves the start of another one. Commands run one after the other, since
 * output streams, environment and exit status belong to the whole process.
 *
 * Not for services that start well: these end their process.
 * @param environment variables that only this command sees
 */
export function runCommand(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<EndedCommand> {
  const ended = running.then(() => captured(args, environment));
  running = ended.catch(() => undefined);
  return ended;
}

async function captured(args: readonly string[], environment: Record<string, string>): Promise<EndedCommand> {
  const output = { stdout: '', stderr: '' };
  const into = (stream: keyof typeof output) => (text: unknown) => {
    output[stream] += String(text);
    return true;
  };
  // Vitest's console writes to streams of its own.
  const line = (stream: keyof typeof output) => (text: unknown) => {
    output[stream] += `${text}\n`;
  };
  const saved = {
    stdout: process.stdout.write,
    stderr: process.stderr.write,
    log: console.log,
    error: console.error,
    environment: process.env,
    exitCode: process.exitCode,
  };
  process.stdout.write = into('stdout');
  process.stderr.write = into('stderr');
  console.log = line('stdout');
  console.error = line('stderr');
  process.env = { ...saved.environment, ...environment };
  process.exitCode = 0;
  try {
    await main(args);
    return { status: Number(process.exitCode), ...output };
  } finally {
    process.stdout.write = saved.stdout;
    process.stderr.write = saved.stderr;
    console.log = saved.log;
    console.error = saved.error;
    process.env = saved.environment;
    process.exitCode = saved.exitCode;
  }
}
