import { ManualClock } from '@offramp/runtime/testing';
import { expect, test } from 'vitest';
import { Pacer } from './pacer.js';

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Takes samples endlessly and records when each one passed. */
function run(pacer: Pacer, clock: ManualClock, slowMs = 0): number[] {
  const passedAt: number[] = [];
  const step = async () => {
    for (;;) {
      await pacer.next();
      passedAt.push(clock.now());
      if (slowMs > 0) await new Promise<void>((resolve) => clock.after(slowMs, resolve));
      if (passedAt.length > 1_000) return;
    }
  };
  void step();
  return passedAt;
}

async function advance(clock: ManualClock, milliseconds: number, stepMs: number): Promise<void> {
  await settle();
  for (let moved = 0; moved < milliseconds; moved += stepMs) {
    clock.advance(stepMs);
    await settle();
  }
}

test('keeps the rate although each wait ends late', async () => {
  const clock = new ManualClock();
  const passedAt = run(new Pacer(8, clock), clock);
  await advance(clock, 10_000, 50);
  expect(passedAt.length).toBe(81);
});

test('catches up after a sample that delayed the source', async () => {
  const clock = new ManualClock();
  const passedAt = run(new Pacer(10, clock), clock, 10);
  await settle();
  clock.advance(1_000);
  await advance(clock, 200, 10);
  expect(passedAt.filter((at) => at <= 1_200).length).toBeGreaterThan(11);
});

test('does not wait without a rate', async () => {
  const clock = new ManualClock();
  const pacer = new Pacer(0, clock);
  await pacer.next();
  await pacer.next();
  expect(clock.pending).toBe(0);
});

test('cancelling ends the wait', async () => {
  const clock = new ManualClock();
  const pacer = new Pacer(1, clock);
  await pacer.next();
  const second = pacer.next();
  pacer.cancel();
  await second;
  expect(clock.pending).toBe(0);
});
