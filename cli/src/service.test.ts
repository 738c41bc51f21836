import { execFile } from 'node:child_process';
import { expect, it } from 'vitest';

const service = new URL('../dist/service.js', import.meta.url).href;

interface Ended {
  status: unknown;
  signal: unknown;
  output: string;
}

/** Runs a service in a process that signals itself. @param parts bodies of functions; `failed` handles an error */
function run({ start = '', announce = '', failed = 'throw error' }): Promise<Ended> {
  const script = `
    import { runService } from ${JSON.stringify(service)};
    let end;
    const open = setInterval(() => undefined, 1_000); // As a server does, it keeps the process alive.
    const service = {
      done: new Promise((resolve) => { end = resolve; }),
      async stop() { console.log('stopped'); clearInterval(open); end(); },
    };
    await runService(async () => { ${start}; return service; }, () => { console.log('ready'); ${announce} })
      .catch((error) => { ${failed} });
  `;
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '--eval', script], (error, output) =>
      resolve({ status: error ? error.code : 0, signal: error?.signal ?? null, output }),
    );
  });
}

it.each(['SIGINT', 'SIGTERM'])('stops gracefully on %s that comes with the announcement', async (signal) => {
  const ended = await run({ announce: `process.kill(process.pid, '${signal}');` });
  expect(ended).toEqual({ status: 0, signal: null, output: 'ready\nstopped\n' });
});

it.each(['SIGINT', 'SIGTERM'])('stops gracefully on %s during the start', async (signal) => {
  const wait = 'await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))';
  const ended = await run({ start: `process.kill(process.pid, '${signal}'); ${wait}` });
  expect(ended).toMatchObject({ status: 0, signal: null });
  expect(ended.output).toContain('stopped\n');
});

it('ends at once on a second signal', async () => {
  const twice =
    "process.kill(process.pid, 'SIGTERM'); setImmediate(() => process.kill(process.pid, 'SIGTERM'));";
  const ended = await run({ start: `${twice} await new Promise(() => setInterval(() => undefined, 1_000))` });
  expect(ended).toMatchObject({ status: 143, signal: null });
});

it('leaves the process to its caller after a failed start', async () => {
  // The caller goes on for longer than a process may after its service has ended.
  const ended = await run({
    start: "throw new Error('no start')",
    failed: "clearInterval(open); setTimeout(() => console.log('the caller ends'), 1_500);",
  });
  expect(ended).toEqual({ status: 0, signal: null, output: 'the caller ends\n' });
});
