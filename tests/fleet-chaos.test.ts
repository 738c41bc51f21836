import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const bench = fileURLToPath(new URL('../bench/fleet/chaos.mjs', import.meta.url));

test('controllers, NATS and devices die, and everything adds up', { timeout: 300_000 }, async () => {
  const child = spawn(process.execPath, [bench, '--kills', '3', '--restarts', '1', '--groups', '2'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGTERM');
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [status] = await once(child, 'close');
  expect(status, output).toBe(0);
  expect(output).toMatch(/\| leader killed \(SIGKILL\) \| 3 \|/);
  expect(output).toMatch(/\| NATS server killed and started again \| 1 \|/);
  // There was something to decide, for every group.
  expect(output).toMatch(/\| policies \| [1-9]\d* \+ [1-9]\d* \|/);
  expect(Number(/\| samples answered \| (\d+) \|/.exec(output)?.[1])).toBeGreaterThan(1_000);
});
