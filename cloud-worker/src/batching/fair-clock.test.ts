import { expect, test } from 'vitest';
import { FairClock, Sender } from './fair-clock.js';

/** Serves `turns` samples in order of their tags. @returns their senders */
function play(queue: { who: string; tag: number }[], clock: FairClock, turns: number): string[] {
  return Array.from({ length: turns }, () => {
    const next = queue.reduce((a, b) => (b.tag < a.tag ? b : a));
    queue.splice(queue.indexOf(next), 1);
    clock.serve(next.tag);
    return next.who;
  });
}

test('a sender with few samples waits for one turn of a greedy one, not for its backlog', () => {
  const clock = new FairClock();
  const greedy = new Sender();
  const queue = Array.from({ length: 100 }, () => ({ who: 'greedy', tag: clock.startTag(greedy, 1) }));
  play(queue, clock, 10);
  queue.push({ who: 'modest', tag: clock.startTag(new Sender(), 1) });
  expect(play(queue, clock, 2)).toContain('modest');
});

test('shares are equal in cost, not in samples', () => {
  const clock = new FairClock();
  const [cheap, dear] = [new Sender(), new Sender()];
  const queue = Array.from({ length: 60 }, () => [
    { who: 'cheap', tag: clock.startTag(cheap, 1) },
    { who: 'dear', tag: clock.startTag(dear, 3) },
  ]).flat();
  const served = play(queue, clock, 40);
  expect(served.filter((who) => who === 'cheap')).toHaveLength(30);
});

test('an idle sender neither saves up turns nor pays for samples served in quiet times', () => {
  const clock = new FairClock();
  const [busy, away] = [new Sender(), new Sender()];
  for (let i = 0; i < 50; i++) clock.serve(clock.startTag(busy, 1));
  expect(clock.startTag(away, 1)).toBe(49);
  clock.rest();
  expect(clock.startTag(busy, 1)).toBe(clock.startTag(new Sender(), 1));
});
