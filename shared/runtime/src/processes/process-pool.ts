import { type ChildProcess, fork } from 'node:child_process';
// biome-ignore lint/style/noRestrictedImports: a file of the kernel
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { messageOf, OfframpError } from '../errors/offramp-error.js';
import { type Clock, systemClock } from '../time/clock.js';
import type { ChildMessage } from './process-messages.js';

export interface ProcessPoolOptions {
  /** The module that the processes run; it calls `serveProcess`. */
  module: URL;
  /** Processes, at most. Each starts when it is first needed. */
  processes: number;
  /** Time for one request, in milliseconds. The process is killed after it. */
  maxMs: number;
  /** Memory of one process, in bytes. The process is killed beyond it. */
  maxBytes: number;
  /** How much the processes give way to others, 0 to 19, as `nice` counts it. Default 0. */
  niceness?: number;
  clock?: Clock;
}

/** Why a request has no reply. */
export type ProcessFailureReason =
  /** `run` threw in the process. */
  | 'error'
  /** The process was killed after `maxMs`. */
  | 'time'
  /** The process was killed beyond `maxBytes`. */
  | 'memory'
  /** No process could be started. */
  | 'start'
  /** The process ended by itself. */
  | 'ended'
  /** The pool was closed. */
  | 'closed';

export class ProcessFailure extends Error {
  constructor(
    readonly reason: ProcessFailureReason,
    message: string,
  ) {
    super(message);
    this.name = 'ProcessFailure';
  }
}

interface Job<Request, Reply> {
  request: Request;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

interface Child<Request, Reply> {
  process: ChildProcess;
  ready: boolean;
  job: Job<Request, Reply> | null;
  /** The end of what it wrote to standard error. */
  lastWords: string;
  stopTimer(): void;
}

/** Time for a process to start, in milliseconds. */
const maxStartMs = 30_000;
const memoryCheckMs = 50;
const maxLastWords = 2_000;

/**
 * Child processes that run requests one at a time each, within bounds of time and memory. Native code that does not
 * return blocks a thread for good, and the exit of its process with it; a process can be killed. A request that kills
 * its process fails alone: the next one gets a new process. Idle processes do not keep the caller's process alive.
 *
 * Requests beyond what the processes hold wait in order; the caller bounds how many.
 */
export class ProcessPool<Request extends object, Reply> {
  private readonly children = new Set<Child<Request, Reply>>();
  private readonly waiting: Job<Request, Reply>[] = [];
  private readonly clock: Clock;
  private stopWatch: (() => void) | null = null;
  private closed = false;

  constructor(private readonly options: ProcessPoolOptions) {
    this.clock = options.clock ?? systemClock;
  }

  /** @throws ProcessFailure, or the OfframpError that the process threw */
  run(request: Request): Promise<Reply> {
    if (this.closed) return Promise.reject(closedFailure());
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, resolve, reject });
      this.dispatch();
    });
  }

  /** Starts a process, so that the first request need not wait for it. */
  warm(): void {
    if (!this.closed && this.children.size === 0) this.start();
  }

  /** Process ids, for those who measure. */
  get pids(): number[] {
    return [...this.children].flatMap(({ process: { pid } }) => pid ?? []);
  }

  /** Kills the processes. Requests that have no reply are rejected. */
  close(): void {
    this.closed = true;
    for (const job of this.waiting.splice(0)) job.reject(closedFailure());
    for (const child of this.children) this.kill(child, closedFailure());
  }

  private dispatch(): void {
    while (this.waiting.length > 0) {
      const idle = [...this.children].find(({ job }) => job === null) ?? this.startAnother();
      if (!idle) return;
      const job = this.waiting.shift() as Job<Request, Reply>;
      if (idle.ready) this.send(idle, job);
      else idle.job = job;
      this.hold(idle);
    }
  }

  private startAnother(): Child<Request, Reply> | null {
    return this.children.size < this.options.processes ? this.start() : null;
  }

  private start(): Child<Request, Reply> {
    const child: Child<Request, Reply> = {
      process: fork(this.options.module, {
        // Buffers stay buffers.
        serialization: 'advanced',
        execArgv: [],
        env: withoutOwnSettings(process.env),
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      }),
      ready: false,
      job: null,
      lastWords: '',
      stopTimer: () => undefined,
    };
    this.children.add(child);
    child.stopTimer = this.clock.after(maxStartMs, () =>
      this.kill(child, new ProcessFailure('start', `did not start within ${maxStartMs} ms`)),
    );
    const { process: process_ } = child;
    process_.stderr?.setEncoding('utf8').on('data', (text: string) => {
      child.lastWords = (child.lastWords + text).slice(-maxLastWords);
    });
    process_.on('message', (message: ChildMessage<Reply>) => this.receive(child, message));
    process_.once('error', (error) => this.kill(child, new ProcessFailure('start', messageOf(error))));
    process_.once('exit', (status, signal) => {
      const words = child.lastWords.trim().split('\n').at(-1);
      const how = `ended with ${signal ?? `status ${status}`}${words ? `: ${words}` : ''}`;
      this.kill(child, new ProcessFailure(child.ready ? 'ended' : 'start', how));
    });
    this.hold(child);
    const { niceness = 0 } = this.options;
    if (niceness > 0 && process_.pid !== undefined) trySetPriority(process_.pid, niceness);
    return child;
  }

  private receive(child: Child<Request, Reply>, message: ChildMessage<Reply>): void {
    const { job } = child;
    child.stopTimer();
    if (message === 'ready') {
      child.ready = true;
      if (job) this.send(child, job);
    } else if (job) {
      child.job = null;
      if ('reply' in message) job.resolve(message.reply);
      else job.reject(errorOf(message.error));
    }
    this.hold(child);
    this.dispatch();
  }

  private send(child: Child<Request, Reply>, job: Job<Request, Reply>): void {
    const { maxMs } = this.options;
    child.job = job;
    child.stopTimer = this.clock.after(maxMs, () =>
      this.kill(child, new ProcessFailure('time', `took longer than ${maxMs} ms`)),
    );
    this.watchMemory();
    // A process that has just ended says so by `exit`.
    child.process.send(job.request, () => undefined);
  }

  /** Looks at the memory of busy processes from time to time. */
  private watchMemory(): void {
    this.stopWatch ??= this.clock.after(memoryCheckMs, () => {
      this.stopWatch = null;
      const { maxBytes } = this.options;
      for (const child of this.children) {
        if (!child.job || residentBytes(child.process.pid) <= maxBytes) continue;
        this.kill(
          child,
          new ProcessFailure('memory', `took more memory than ${Math.round(maxBytes / 2 ** 20)} MiB`),
        );
      }
      if ([...this.children].some(({ job }) => job !== null)) this.watchMemory();
    });
  }

  private kill(child: Child<Request, Reply>, failure: ProcessFailure): void {
    if (!this.children.delete(child)) return;
    child.stopTimer();
    child.process.kill('SIGKILL');
    child.process.unref();
    child.process.channel?.unref();
    child.job?.reject(failure);
    child.job = null;
    if (!this.closed) this.dispatch();
  }

  /** A process keeps the caller's alive only while it has work. */
  private hold({ process: child, job }: Child<Request, Reply>): void {
    const stderr = child.stderr as { ref?(): void; unref?(): void } | null;
    if (job) {
      child.ref();
      child.channel?.ref();
    } else {
      child.unref();
      child.channel?.unref();
    }
    stderr?.unref?.();
  }
}

function closedFailure(): ProcessFailure {
  return new ProcessFailure('closed', 'was stopped');
}

function errorOf({ code, message, hint }: { code?: OfframpError['code']; message: string; hint?: string }) {
  if (code === undefined) return new ProcessFailure('error', message);
  return new OfframpError(code, message, hint === undefined ? {} : { hint });
}

/** The environment without Offramp's own settings, among them tokens. */
function withoutOwnSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('OFFRAMP_')));
}

/** 0 where it cannot be told. */
function residentBytes(pid: number | undefined): number {
  try {
    const [, kibibytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function trySetPriority(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness);
  } catch {
    // It has ended, or the system does not allow it; the bounds hold all the same.
  }
}
