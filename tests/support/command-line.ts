import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runCommand } from '@offramp/cli/testing';
import type { Answer, FailedAnswer } from '@offramp/edge-agent';
import { expect, onTestFinished, vi } from 'vitest';

// Every command is a Node.js process to start, and a test starts several.
vi.setConfig({ testTimeout: 120_000 });

/** What a shell calls `offramp`. */
export const bin = fileURLToPath(new URL('../../cli/bin/offramp.js', import.meta.url));
const waitMs = 60_000;
/** A line of a stack trace: `at work (file:///offramp/main.js:12:34)`. */
const stackLine = /at .*:\d+:\d+/;

/** A command that has ended. */
export interface Ended {
  /** The exit status; `null` if a signal ended it. */
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A running command, as a person would have started it. Ends with the test at the latest. */
export class CommandLine {
  private readonly child: ChildProcess;
  private readonly onOutput = new Set<() => void>();
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.collect('stdout');
    this.collect('stderr');
    this.ended = once(this.child, 'close').then(([status]) => {
      for (const look of this.onOutput) look();
      return { status: status as number | null, stdout: this.stdout, stderr: this.stderr };
    });
    onTestFinished(async () => {
      this.child.kill('SIGKILL');
      await this.ended;
    });
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Its memory, as the kernel counts it. */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 2 ** 10;
  }

  /** Waits for output, on either stream, that matches. @returns the match */
  async output(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.onOutput.delete(look);
        act();
      };
      const fail = (problem: string) =>
        settle(() => reject(new Error(`${problem} ${pattern}:\n${this.stdout}\n${this.stderr}`)));
      const look = () => {
        const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (found) settle(() => resolve(found));
        else if (!this.isRunning) fail('ended without');
      };
      const timer = setTimeout(() => fail('gave up waiting for'), waitMs);
      this.onOutput.add(look);
      look();
    });
  }

  /** Asks it to end, as Ctrl-C does, or a service manager (`SIGTERM`). */
  interrupt(signal: 'SIGINT' | 'SIGTERM' = 'SIGINT'): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Holds it up, as a machine that is too busy does, until {@link resume}. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /** Ends it at once, as a power cut would. */
  kill(): Promise<Ended> {
    this.child.kill('SIGKILL');
    return this.ended;
  }

  private collect(stream: 'stdout' | 'stderr'): void {
    this.child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      this[stream] += text;
      for (const look of this.onOutput) look();
    });
  }
}

/** Runs a command to its end, in a process of its own. */
export function offramp(...args: string[]): Promise<Ended> {
  return new CommandLine(...args).ended;
}

/** Runs a command to its end in this process. Not for services that start well. */
export function runHere(...args: string[]): Promise<Ended> {
  return runCommand(args);
}

/** An agent's command line: alone, with no NATS server and no worker, unless `rest` says otherwise. */
export function agentArguments(bundle: string, ...rest: string[]): string[] {
  const nats = rest.includes('--nats') ? [] : ['--nats', 'none'];
  return ['agent', '--bundle', bundle, '--device', 'test', ...nats, ...rest];
}

/** A worker's command line, on a free port unless `rest` says otherwise. */
export function workerArguments(bundle: string, ...rest: string[]): string[] {
  const listen = rest.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  return ['worker', '--bundle', bundle, '--threads', '1', ...listen, ...rest];
}

/** Starts a worker and waits until it serves. */
export async function startedWorker(bundle: string, ...rest: string[]) {
  const worker = new CommandLine(...workerArguments(bundle, ...rest));
  const [, address = ''] = await worker.output(/^listening on (\S+)$/m);
  return { worker, address };
}

/** The answers that an agent has written, each by its sample's name. */
export function answersOf({ stdout }: { stdout: string }): (Answer & Partial<FailedAnswer>)[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** Expects that a command told the person what is wrong: a code, a message, an exit status, and no stack trace. */
export function expectError(ended: Ended, code: string, message: string | RegExp): void {
  const [, foundCode, foundMessage] = /^error \[(\w+)\]: (.*)$/m.exec(ended.stderr) ?? [];
  expect({ code: foundCode, status: ended.status }, ended.stderr).toEqual({
    code,
    status: code === 'USAGE' || code === 'CONFIG_INVALID' ? 2 : 1,
  });
  expect(foundMessage).toMatch(message);
  expect(ended.stdout).toBe('');
  expectNoStack(ended);
}

export function expectNoStack({ stderr }: { stderr: string }): void {
  expect(stderr).not.toMatch(stackLine);
}
