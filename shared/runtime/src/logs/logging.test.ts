import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const compiled = fileURLToPath(new URL('../../dist/logs/logging.js', import.meta.url));

function log(level: string): { stdout: string; lines: Record<string, unknown>[] } {
  const script = `
    const { createLogger } = await import(process.argv[1]);
    const logger = createLogger('program', process.argv[2]);
    logger.debug('too little');
    logger.warn({ size: 3 }, 'enough');
    process.exit(0);`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script, '--', compiled, level],
    { encoding: 'utf8' },
  );
  return {
    stdout,
    lines: stderr
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  };
}

test('logs are JSON lines on standard error, there before the process ends', () => {
  const { stdout, lines } = log('info');
  expect(stdout).toBe('');
  expect(lines).toEqual([expect.objectContaining({ name: 'program', level: 40, size: 3, msg: 'enough' })]);
  expect(new Date(String(lines[0]?.time)).toISOString()).toBe(lines[0]?.time);
});

test('the level says what is logged', () => {
  expect(log('debug').lines.map(({ msg }) => msg)).toEqual(['too little', 'enough']);
  expect(log('silent').lines).toEqual([]);
});
