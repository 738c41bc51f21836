// An agent started from the command line, whose answers are counted and whose memory is watched.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../../cli/bin/offramp.js', import.meta.url));
const warmUpSeconds = 3;
const memoryCheckMs = 100;

export class BenchedAgent {
  /** Bytes, of the agent and its child processes. */
  mostMemory = 0;
  #process;
  #ids = new Set();
  #lines = 0;
  #ofSource = 0;

  static async start(args) {
    const agent = new BenchedAgent();
    await agent.#launch(args);
    return agent;
  }

  async #launch(args) {
    this.#process = spawn(process.execPath, [bin, 'agent', '--device', 'bench', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const watch = setInterval(() => {
      this.mostMemory = Math.max(this.mostMemory, residentBytes(this.#process.pid));
    }, memoryCheckMs);
    this.#process.once('exit', () => clearInterval(watch));
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#count(line));
    let log = '';
    this.#process.stderr.setEncoding('utf8').on('data', (text) => {
      log = (log + text).slice(-4_000);
    });
    this.address = await new Promise((resolve, reject) => {
      this.#process.once('exit', () => reject(new Error(log)));
      this.#process.stderr.on('data', () => {
        const found = /"address":"([^"]+)"/.exec(log);
        if (found) resolve(found[1]);
      });
    });
    await sleep(warmUpSeconds * 1_000);
  }

  #count(line) {
    const { id, sample } = JSON.parse(line);
    this.#lines++;
    this.#ids.add(id);
    if (!sample.startsWith('http:')) this.#ofSource++;
  }

  /** Answers to the source a second. */
  async sourceRate(seconds) {
    const before = this.#ofSource;
    const startedAt = performance.now();
    await sleep(seconds * 1_000);
    return (this.#ofSource - before) / ((performance.now() - startedAt) / 1_000);
  }

  /** @returns milliseconds until it has ended */
  async stop() {
    const startedAt = performance.now();
    const exited = once(this.#process, 'exit');
    const closed = once(this.#process, 'close');
    this.#process.kill('SIGTERM');
    await exited;
    const tookMs = performance.now() - startedAt;
    await closed;
    return tookMs;
  }

  /** Samples count from 1, so that the highest number is how many were accepted. */
  lines() {
    return {
      samples: Math.max(0, ...this.#ids),
      lines: this.#ids.size,
      repeated: this.#lines - this.#ids.size,
    };
  }
}

/** Of a process and its children; the pages that they share count once. */
function residentBytes(pid) {
  const all = memoryOf(pid);
  return all.reduce((sum, { own }) => sum + own, 0) + Math.max(0, ...all.map(({ shared }) => shared));
}

/** Of a process and each of its children. */
function memoryOf(pid) {
  try {
    const facts = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const bytes = (name) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(facts)?.[1] ?? 0) * 1024;
    const own = bytes('Private_Clean') + bytes('Private_Dirty');
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
    );
    return [{ own, shared: bytes('Rss') - own }, ...children.flatMap(memoryOf)];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}
