import { beforeEach, describe, expect, it } from 'vitest';
import { LoadWindows } from './load-window.js';
import { WorkerStats } from './worker-stats.js';

const digest = '07'.repeat(32);
let stats: WorkerStats;
let windows: LoadWindows;
beforeEach(() => {
  stats = new WorkerStats();
  windows = new LoadWindows(2, stats, 0);
});

/** Samples that run through one stage and are answered, each in a hundredth of a second. */
function answer(count: number): void {
  for (let i = 0; i < count; i++) {
    stats.onReceived();
    stats.onAdmitted();
    stats.onAnswered(4);
    stats.onLeft();
  }
  stats.onWork(digest, 4, count, count / 100);
}

describe('LoadWindows', () => {
  it('is 0 for an idle worker', () => {
    expect(windows.next(stats, 2_000)).toEqual({
      ...{ windowMs: 2_000, utilisation: 0, queued: 0, answered: 0, refused: 0, streams: 0, stages: [] },
    });
  });

  it('divides executed work by capacity', () => {
    answer(100);
    const first = windows.next(stats, 2_000);
    expect(first.utilisation).toBeCloseTo(1 / 4);
    expect(first).toMatchObject({ answered: 100, stages: [{ stage: 4, samples: 100, seconds: 1 }] });
    answer(50);
    expect(windows.next(stats, 3_000)).toMatchObject({
      ...{ answered: 50, utilisation: 1 / 4, stages: [{ samples: 50, seconds: 0.5 }] },
    });
  });

  it('counts refused samples and the growth of the queue at the mean time of a sample', () => {
    answer(400);
    expect(windows.next(stats, 2_000).utilisation).toBeCloseTo(1);
    answer(400);
    for (let i = 0; i < 100; i++) stats.onTurnedAway();
    for (let i = 0; i < 100; i++) stats.onAdmitted();
    stats.onRefused('RESOURCE_EXHAUSTED');
    const busy = windows.next(stats, 4_000);
    expect(busy.utilisation).toBeCloseTo(1.5);
    expect(busy).toMatchObject({ queued: 100, refused: 1 });
    answer(400);
    for (let i = 0; i < 100; i++) stats.onLeft();
    expect(windows.next(stats, 6_000).utilisation).toBeCloseTo(1);
  });

  it('uses earlier times of samples for a window without answers', () => {
    answer(10);
    windows.next(stats, 2_000);
    for (let i = 0; i < 200; i++) stats.onTurnedAway();
    expect(windows.next(stats, 4_000).utilisation).toBeCloseTo(0.5);
  });

  it('is correct for a window that runs samples which the next one answers', () => {
    answer(400);
    windows.next(stats, 2_000);
    stats.onWork(digest, 0, 400, 4);
    for (let i = 0; i < 10; i++) stats.onTurnedAway();
    for (let i = 0; i < 10; i++) stats.onAnswered(4);
    // By the seconds of this window alone, ten refused samples would count as another four.
    expect(windows.next(stats, 4_000).utilisation).toBeLessThan(1.1);
  });

  it('restarts with a bundle that was removed and added again', () => {
    answer(10);
    answer(10);
    windows.next(stats, 2_000);
    stats.forget(digest);
    answer(5);
    expect(windows.next(stats, 4_000).stages).toMatchObject([{ samples: 5 }]);
  });
});
