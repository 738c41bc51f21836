import { createLogger } from '@offramp/runtime';
import { ManualClock } from '@offramp/runtime/testing';
import { expect, it } from 'vitest';
import type { StoredGoals } from '../decide/model/group-inputs.js';
import type { ControlView } from './control-view.js';
import { LeaderLoop } from './leader-loop.js';

const everyMs = 2_000;
const logger = createLogger('test', 'silent');

/** Groups with changed goals, and a driver whose steps end on command. */
function loopOver(groups: number) {
  const clock = new ManualClock();
  const goals = Array.from({ length: groups }, (_, i): StoredGoals => {
    const asked = { goals: [], mode: 'auto' as const, author: '', reason: '' };
    return { group: `group-${i}`, ...asked, changes: [], revision: 1, setAt: null };
  });
  const seen = {
    ...{ goals: null, goalsRevision: 0, upTo: 0, streamCreated: '', waitsForBundle: false },
    ...{ pendingIntent: false, policyRevision: 0, hasPolicy: false, metrics: null },
  };
  const begun: string[] = [];
  const underWay = new Map<string, (went: boolean) => void>();
  const evidence = { samplesSince: () => 0 };
  const view: Pick<ControlView, 'tuned' | 'noteState'> = {
    *tuned() {
      for (const of of goals) yield { group: of.group, goals: of, seen };
    },
    noteState: () => undefined,
  };
  let leads = true;
  const loop = new LeaderLoop({
    ...{ view, evidence, clock, logger, everyMs, leading: () => leads, streamCreated: () => 'once' },
    driver: {
      advance: ({ group }) => {
        begun.push(group);
        return new Promise((resolve) => {
          underWay.set(group, resolve);
        });
      },
      stateOf: () => null,
      forgetStates: () => undefined,
    },
  });
  const finish = async (group: string) => {
    underWay.get(group)?.(true);
    underWay.delete(group);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  const depose = () => {
    leads = false;
  };
  return { loop, clock, begun, underWay, finish, depose };
}

it('advances eight groups at a time, and each of them once', async () => {
  const { loop, clock, begun, underWay, finish } = loopOver(20);
  loop.start();
  clock.advance(0);
  expect(underWay.size).toBe(8);
  while (underWay.size > 0) {
    expect(underWay.size).toBeLessThanOrEqual(8);
    await finish([...underWay.keys()].at(-1) as string);
  }
  expect(begun).toHaveLength(20);
  expect(new Set(begun).size).toBe(20);
  await loop.stop();
});

it('starts no further groups after half the interval, or when another controller leads', async () => {
  for (const end of ['late', 'deposed'] as const) {
    const { loop, clock, begun, underWay, finish, depose } = loopOver(20);
    loop.start();
    clock.advance(0);
    await finish('group-0');
    expect(begun).toHaveLength(9);
    if (end === 'late') clock.advance(everyMs / 2 + 1);
    else depose();
    for (const group of [...underWay.keys()]) await finish(group);
    expect(begun).toHaveLength(9);
    expect(clock.pending).toBe(1);
    await loop.stop();
  }
});

it('starts the next round with the groups that have waited longest', async () => {
  const { loop, clock, begun, underWay, finish } = loopOver(12);
  loop.start();
  clock.advance(0);
  clock.advance(everyMs / 2 + 1);
  for (const group of [...underWay.keys()]) await finish(group);
  begun.length = 0;
  clock.advance(everyMs);
  expect(begun.slice(0, 4)).toEqual(['group-8', 'group-9', 'group-10', 'group-11']);
  while (underWay.size > 0) await finish([...underWay.keys()][0] as string);
  await loop.stop();
});
