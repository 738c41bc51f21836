import { status } from '@grpc/grpc-js';
import { beforeEach, describe, expect, it } from 'vitest';
import { WorkerStats } from '../worker-stats.js';
import { LoadWindows } from './load-window.js';

const digest = '07'.repeat(32);
let stats: WorkerStats;
let windows: LoadWindows;
beforeEach(() => {
  stats = new WorkerStats();
  windows = new LoadWindows(2, stats, 0);
});

/** Samples that come, run through one stage, and leave, each at a hundredth of a second. */
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
  it('has a worker at rest do nothing', () => {
    expect(windows.next(stats, 2_000)).toEqual({
      ...{ windowMs: 2_000, utilisation: 0, queued: 0, answered: 0, refused: 0, streams: 0, stages: [] },
    });
  });

  it('divides what ran by what could have', () => {
    answer(100);
    const first = windows.next(stats, 2_000);
    expect(first.utilisation).toBeCloseTo(1 / 4);
    expect(first).toMatchObject({ answered: 100, stages: [{ stage: 4, samples: 100, seconds: 1 }] });
    answer(50);
    expect(windows.next(stats, 3_000)).toMatchObject({
      ...{ answered: 50, utilisation: 1 / 4, stages: [{ samples: 50, seconds: 0.5 }] },
    });
  });

  it('counts what was turned away, and the growth of the queue, at what a sample takes', () => {
    answer(400);
    expect(windows.next(stats, 2_000).utilisation).toBeCloseTo(1);
    answer(400);
    for (let i = 0; i < 100; i++) stats.onTurnedAway();
    for (let i = 0; i < 100; i++) stats.onAdmitted();
    stats.onRefused(status.RESOURCE_EXHAUSTED);
    const busy = windows.next(stats, 4_000);
    expect(busy.utilisation).toBeCloseTo(1.5);
    expect(busy).toMatchObject({ queued: 100, refused: 1 });
    answer(400);
    for (let i = 0; i < 100; i++) stats.onLeft();
    expect(windows.next(stats, 6_000).utilisation).toBeCloseTo(1);
  });

  it('takes what samples took before for a window in which none was answered', () => {
    answer(10);
    windows.next(stats, 2_000);
    for (let i = 0; i < 200; i++) stats.onTurnedAway();
    expect(windows.next(stats, 4_000).utilisation).toBeCloseTo(0.5);
  });

  it('is not misled by a window that ran what the next one answers', () => {
    answer(400);
    windows.next(stats, 2_000);
    stats.onWork(digest, 0, 400, 4);
    for (let i = 0; i < 10; i++) stats.onTurnedAway();
    for (let i = 0; i < 10; i++) stats.onAnswered(4);
    // At the seconds of this window alone, ten samples that were turned away would be another four.
    expect(windows.next(stats, 4_000).utilisation).toBeLessThan(1.1);
  });

  it('begins anew with a bundle that went and came again', () => {
    answer(10);
    answer(10);
    windows.next(stats, 2_000);
    stats.forget(digest);
    answer(5);
    expect(windows.next(stats, 4_000).stages).toMatchObject([{ samples: 5 }]);
  });
});
