// The real program, `offramp controller`, in a separate process, with its resource usage.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../../../cli/bin/offramp.js', import.meta.url));
const ticksPerSecond = 100;
const stopSignals = { gently: 'SIGTERM', atOnce: 'SIGKILL' };

// Calls `exit`, whose handlers kill child processes.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => process.exit(code));
}

export class ControllerProcess {
  log = [];
  #child;

  /**
   * Resolves when it is ready.
   * @param options.execArgv of Node.js, to profile it, or to set its clock wrong
   */
  static async start(args, { execArgv = [], env = {} } = {}) {
    const child = spawn(process.execPath, [...execArgv, bin, 'controller', ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const controller = new ControllerProcess(child);
    await controller.ready;
    return controller;
  }

  constructor(child) {
    this.#child = child;
    const killWithParent = () => child.kill('SIGKILL');
    process.once('exit', killWithParent);
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        process.off('exit', killWithParent);
        resolve(signal ?? code);
      });
    });
    this.ready = new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          this.log.push(line);
          if (line.includes('controller is ready')) resolve();
        });
      }
      this.ended.then((end) =>
        reject(new Error(`the controller ended with ${end}:\n${this.log.join('\n')}`)),
      );
    });
    // A caller that does not await it must not cause an unhandled rejection.
    this.ready.catch(() => undefined);
  }

  get pid() {
    return this.#child.pid;
  }

  /** @param how `gently` (SIGTERM) or `atOnce` (SIGKILL) */
  async stop(how = 'gently') {
    this.#child.kill(stopSignals[how]);
    await this.ended;
  }

  usage() {
    return processUsage(this.pid);
  }
}

/** A process's processor seconds since its start, in user and kernel mode, and its resident bytes, from /proc. */
export function processUsage(pid) {
  const [, fields] = /^.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const [userTicks, kernelTicks] = fields.split(' ').slice(11, 13).map(Number);
  const [, residentKiB] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return {
    cpuSeconds: (userTicks + kernelTicks) / ticksPerSecond,
    residentBytes: 1_024 * Number(residentKiB),
  };
}
