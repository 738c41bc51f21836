import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { OfframpError } from '@offramp/runtime';
import { offrampBin } from './paths.js';

const startTimeoutMs = 30_000;

/** One `offramp` program in its own process. */
export interface OfframpProcess {
  readonly name: string;
  /** Standard error, as a file. */
  readonly logPath: string;
  /** The first line of standard output that matches; fails if the program ends before. */
  firstLine(pattern: RegExp): Promise<string>;
  /** The exit status; -1 if a signal ended it. */
  readonly exited: Promise<number>;
  /** Asks it to stop, and waits. */
  stop(): Promise<void>;
  /** Kills it (SIGKILL), and waits. */
  kill(): Promise<void>;
}

/** Starts programs, and kills them when this process exits. */
export class ProcessGroup {
  private readonly children = new Set<ChildProcess>();

  constructor(private readonly logFolder: string) {
    process.once('exit', () => this.killAll());
  }

  start(name: string, args: readonly string[]): OfframpProcess {
    // Detached: Ctrl-C reaches only this process, which then stops the others in order.
    const child = spawn(process.execPath, [offrampBin, ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.children.add(child);
    const logPath = join(this.logFolder, `${name}.log`);
    const log = createWriteStream(logPath, { flags: 'a' });
    child.stderr.pipe(log);
    const output = new Lines(child.stdout);
    const exited = new Promise<number>((resolve) => {
      child.once('exit', (status) => {
        this.children.delete(child);
        output.end();
        resolve(status ?? -1);
      });
      child.once('error', () => resolve(-1));
    });
    const end = async (signal: NodeJS.Signals) => {
      child.kill(signal);
      await exited;
      await closed(log);
    };
    return {
      name,
      logPath,
      exited,
      firstLine: async (pattern) => {
        const line = await output.find(pattern);
        if (line !== null) return line;
        throw new OfframpError('INTERNAL', `${name} did not start`, { hint: `Its log is ${logPath}` });
      },
      stop: () => end('SIGTERM'),
      kill: () => end('SIGKILL'),
    };
  }

  /** Runs a command to its end. */
  async run(args: readonly string[]): Promise<{ status: number; output: string }> {
    const child = spawn(process.execPath, [offrampBin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const status = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
    this.children.delete(child);
    return { status, output };
  }

  private killAll(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }
}

/** Lines of a stream. A caller may wait for one; lines without a waiting caller are dropped. */
class Lines {
  private buffer = '';
  private waiting: { pattern: RegExp; resolve: (line: string | null) => void } | null = null;
  private readonly early: string[] = [];
  private ended = false;

  constructor(stream: NodeJS.ReadableStream) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      const lines = (this.buffer + text).split('\n');
      this.buffer = lines.pop() ?? '';
      for (const line of lines) this.take(line);
    });
  }

  find(pattern: RegExp): Promise<string | null> {
    const found = this.early.find((line) => pattern.test(line));
    if (found !== undefined || this.ended) return Promise.resolve(found ?? null);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), startTimeoutMs);
      this.waiting = {
        pattern,
        resolve: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
      };
    });
  }

  end(): void {
    this.ended = true;
    this.waiting?.resolve(null);
    this.waiting = null;
  }

  private take(line: string): void {
    if (this.waiting?.pattern.test(line)) {
      this.waiting.resolve(line);
      this.waiting = null;
    } else if (this.early.length < 100) {
      this.early.push(line);
    }
  }
}

function closed(stream: WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.end(() => resolve());
  });
}
