import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ProcessPool, type ProcessPoolOptions } from './process-pool.js';
import type { TestRequest } from './testing/test-process.js';

// The compiled process: a child does not read TypeScript.
const module = new URL('../../dist/processes/testing/test-process.js', import.meta.url);

let pool: ProcessPool<TestRequest, unknown>;
const open = (options: Partial<ProcessPoolOptions> = {}) => {
  pool = new ProcessPool({ module, processes: 1, maxMs: 60_000, maxBytes: 2 ** 30, ...options });
  return pool;
};

afterEach(() => pool.close());

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const ended = (pid: number) => vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 60_000 });

describe('ProcessPool', () => {
  it('runs requests in order, in one process, with their bytes', async () => {
    const doubled = await open().run({ do: 'double', bytes: Uint8Array.of(1, 2) });
    expect([...(doubled as Uint8Array)]).toEqual([2, 4]);
    const pids = await Promise.all([1, 2, 3].map(() => pool.run({ do: 'pid' })));
    expect(new Set(pids).size).toBe(1);
    expect(pool.pids).toEqual([pids[0]]);
  });

  it('starts more processes when those it has are busy, up to the limit', async () => {
    open({ processes: 2 });
    const held = [pool.run({ do: 'wait' }), pool.run({ do: 'wait' }), pool.run({ do: 'wait' })];
    for (const run of held) run.catch(() => undefined);
    expect(pool.pids).toHaveLength(2);
  });

  it('kills a process that takes too long, also one that blocks, and goes on with another', async () => {
    open({ maxMs: 1_000 });
    const before = (await pool.run({ do: 'pid' })) as number;
    const blocked = pool.run({ do: 'block' });
    const after = pool.run({ do: 'pid' });
    await expect(blocked).rejects.toMatchObject({ reason: 'time', message: 'took longer than 1000 ms' });
    expect(await after).not.toBe(before);
    await ended(before);
  });

  it('kills a process that takes too much memory', async () => {
    open({ maxBytes: 200 * 2 ** 20 });
    await expect(pool.run({ do: 'grow', bytes: 400 * 2 ** 20 })).rejects.toMatchObject({
      reason: 'memory',
      message: 'took more memory than 200 MiB',
    });
    expect(await pool.run({ do: 'pid' })).toBeTypeOf('number');
  });

  it('passes on errors, with their codes', async () => {
    open();
    await expect(pool.run({ do: 'throw', message: 'oh' })).rejects.toMatchObject({
      reason: 'error',
      message: 'oh',
    });
    await expect(pool.run({ do: 'refuse' })).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: 'no',
      hint: 'another',
    });
  });

  it('fails only the request whose process ends, and says how', async () => {
    open();
    const [lost, next] = await Promise.allSettled([
      pool.run({ do: 'exit', status: 7 }),
      pool.run({ do: 'pid' }),
    ]);
    expect(lost).toMatchObject({
      reason: { reason: 'ended', message: 'ended with status 7: out of luck' },
    });
    expect(next.status).toBe('fulfilled');
  });

  it('says so if the module cannot be loaded', async () => {
    open({ module: new URL('file:///absent/module.js') });
    await expect(pool.run({ do: 'pid' })).rejects.toMatchObject({ reason: 'start' });
  });

  it('rejects everything when it is closed, at once, whatever runs', async () => {
    open();
    const pid = (await pool.run({ do: 'pid' })) as number;
    const runs = [pool.run({ do: 'block' }), pool.run({ do: 'pid' })];
    pool.close();
    for (const run of runs) await expect(run).rejects.toMatchObject({ reason: 'closed' });
    await expect(pool.run({ do: 'pid' })).rejects.toMatchObject({ reason: 'closed' });
    await ended(pid);
  });

  it('keeps Offramp’s settings, such as tokens, to itself', async () => {
    vi.stubEnv('OFFRAMP_CONTROLLER_TOKEN', 'secret');
    open();
    const names = (await pool.run({ do: 'environment' })) as string[];
    expect(names.filter((name) => name.startsWith('OFFRAMP'))).toEqual([]);
    expect(names).toContain('PATH');
  });

  it('neither keeps its owner alive while idle nor outlives it', async () => {
    open();
    const script = `
      import { ProcessPool } from '${new URL('../../dist/processes/process-pool.js', import.meta.url)}';
      const pool = new ProcessPool({ module: new URL('${module}'), processes: 2, maxMs: 1e6, maxBytes: 2 ** 30 });
      console.log(await pool.run({ do: 'pid' }));
    `;
    for (const more of [
      '',
      "void pool.run({ do: 'wait' }); process.exit();",
      "void pool.run({ do: 'block' }); setTimeout(() => process.exit(), 200);",
    ]) {
      const owner = spawn(process.execPath, ['--input-type=module', '-e', script + more]);
      let out = '';
      owner.stdout.setEncoding('utf8').on('data', (text) => {
        out += text;
      });
      expect(await once(owner, 'exit')).toEqual([0, null]);
      await ended(Number(out));
    }
  });
});
