// A child process that answers one message at a time.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export class Child {
  #process;
  #answers = [];

  constructor(module, execArgv = []) {
    this.#process = fork(fileURLToPath(new URL(module, import.meta.url)), { execArgv });
    this.#process.on('message', (message) => {
      const { resolve, reject } = this.#answers.shift();
      if (message.error) reject(new Error(message.error));
      else resolve(message.result);
    });
    this.#process.on('exit', (code) => {
      for (const { reject } of this.#answers.splice(0)) reject(new Error(`${module} ended with ${code}`));
    });
  }

  ask(job, parameters = {}) {
    return new Promise((resolve, reject) => {
      this.#answers.push({ resolve, reject });
      this.#process.send({ job, ...parameters });
    });
  }

  async end() {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.disconnect();
    await ended;
  }
}

/** The other side: `jobs` by name, each given the message's parameters. */
export function serve(jobs) {
  process.on('message', async ({ job, ...parameters }) => {
    try {
      process.send({ result: await jobs[job](parameters) });
    } catch (error) {
      process.send({ error: error.stack });
    }
  });
}

/** Runs `work`. @returns its result, and the seconds and processor time of this process that it took */
export async function measured(work) {
  const started = performance.now();
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { ...result, seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
}
