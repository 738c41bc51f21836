import { expect, test } from 'vitest';
import { OfframpError } from '../errors/offramp-error.js';
import { createLogger } from '../logs/logging.js';
import { startProgram } from './program.js';

const logger = createLogger('test', 'silent');
const lost = new OfframpError('INTERNAL', 'a thread was lost');

test('a stop drains, then releases in the opposite order, once', async () => {
  const steps: string[] = [];
  const program = await startProgram(logger, async ({ resources }) => {
    resources.add(() => steps.push('first'));
    resources.add(async () => {
      await Promise.resolve();
      steps.push('second');
    });
    return { view: { port: 7 }, drain: async () => void steps.push('drained') };
  });
  expect(program.port).toBe(7);
  await Promise.all([program.stop(), program.stop(), program.done]);
  expect(steps).toEqual(['drained', 'second', 'first']);
});

test('a start that fails releases what it took', async () => {
  const steps: string[] = [];
  const start = startProgram(logger, async ({ resources }) => {
    resources.add(() => steps.push('released'));
    throw lost;
  });
  await expect(start).rejects.toBe(lost);
  expect(steps).toEqual(['released']);
});

test('a failure ends the program: done rejects with the first one, stop does not reject', async () => {
  const steps: string[] = [];
  const program = await startProgram(logger, async ({ resources, fail }) => {
    resources.add(() => steps.push('released'));
    fail(lost);
    fail(new OfframpError('INTERNAL', 'another'));
    return { view: {} };
  });
  await expect(program.done).rejects.toBe(lost);
  await program.stop();
  expect(steps).toEqual(['released']);
});

test('a drain or a release that fails keeps nothing from being released', async () => {
  const steps: string[] = [];
  const program = await startProgram(logger, async ({ resources }) => {
    resources.add(() => steps.push('first'));
    resources.add(() => {
      throw new Error('no');
    });
    return {
      view: {},
      drain: async () => {
        throw lost;
      },
    };
  });
  await program.stop();
  await expect(program.done).rejects.toBe(lost);
  expect(steps).toEqual(['first']);
});

test('getters of the view stay live', async () => {
  let phase = 'running';
  const program = await startProgram(logger, async () => ({
    view: {
      get phase() {
        return phase;
      },
    },
    drain: async () => {
      phase = 'stopped';
    },
  }));
  expect(program.phase).toBe('running');
  await program.stop();
  expect(program.phase).toBe('stopped');
});
