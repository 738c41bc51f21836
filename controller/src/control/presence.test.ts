import { expect, it } from 'vitest';
import { type Heard, newPresence, nextPresence, type Presence } from './presence.js';

/** Of each group, the devices that report and those that are silent. */
type Groups = Record<string, { online?: string[]; silent?: string[] }>;

const names = (count: number, prefix = 'cam') => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

function heard(workers: string[], groups: Groups = {}, mayTell: Heard['mayTell'] = () => true): Heard {
  return {
    workers,
    groups: new Map(
      Object.entries(groups).map(([group, { online = [], silent = [] }]) => [
        group,
        { online: online.length, silent },
      ]),
    ),
    isOnline: (group, device) => groups[group]?.online?.includes(device) ?? false,
    author: 'controller',
    mayTell,
  };
}

const told = ({ events }: Presence) =>
  events.map(({ kind, group, device, severity, text }) => [kind, group, device, severity, text]);

it('tells nobody who was silent before anybody looked, but that it is back', () => {
  const first = newPresence('once', heard(['w-1'], { north: { online: ['a'], silent: ['b'] } }));
  expect(first.events).toEqual([]);
  expect(nextPresence(first, heard(['w-1'], { north: { online: ['a'], silent: ['b'] } }))).toBe(first);
  const next = nextPresence(first, heard(['w-1'], { north: { online: ['a', 'b'] } }));
  expect(told(next)).toEqual([
    ['devices-back', 'north', 'b', 'info', 'Device b reports again; 2 of 2 report.'],
  ]);
  expect(next).toMatchObject({ number: 1, silent: {} });
});

it('tells that workers fall silent, once, and that they are back', () => {
  let presence = newPresence('once', heard(['w-1']));
  const see = (...workers: string[]) => {
    const next = nextPresence(presence, heard(workers));
    const events = next === presence ? [] : told(next);
    presence = next;
    return events;
  };
  expect(see('w-1', 'w-2', 'w-3')).toEqual([]);
  expect(see('w-2', 'w-3')).toEqual([
    ['workers-silent', '', '', 'warning', 'Worker w-1 has fallen silent; 2 report.'],
  ]);
  expect(see('w-2', 'w-3')).toEqual([]);
  expect(see()).toEqual([
    ['workers-silent', '', '', 'warning', '2 workers (w-2, w-3) have fallen silent; none reports.'],
  ]);
  expect(see('w-1')).toEqual([['workers-back', '', '', 'info', 'Worker w-1 reports again; 1 does.']]);
  expect(presence.workers).toEqual({ heard: ['w-1'], silent: ['w-2', 'w-3'] });
});

it('tells of devices group by group, in one event however many they are', () => {
  const first = newPresence('once', heard([], { north: { online: names(30) }, south: { online: ['a'] } }));
  const next = nextPresence(
    first,
    heard([], {
      north: { online: names(30).slice(12), silent: names(12) },
      south: { silent: ['a'] },
    }),
  );
  expect(told(next).map(([kind, group, device, , text]) => [kind, group, device, text])).toEqual([
    [
      ...['devices-silent', 'north', ''],
      '12 devices (cam-0, cam-1, cam-2, cam-3, cam-4 and 7 more) have fallen silent; 18 of 30 report.',
    ],
    ['devices-silent', 'south', 'a', 'Device a has fallen silent; 0 of 1 report.'],
  ]);
});

it('tells of many groups at once in one event', () => {
  const groups = (state: 'online' | 'silent'): Groups =>
    Object.fromEntries(names(1_000, 'site').map((group) => [group, { [state]: names(10) }]));
  const gone = nextPresence(newPresence('once', heard([], groups('online'))), heard([], groups('silent')));
  expect(told(gone)).toEqual([
    [
      ...['devices-silent', '', '', 'warning'],
      '10,000 devices of 1,000 groups have fallen silent: site-0, site-1, site-2, site-3, site-4 and 995 more.',
    ],
  ]);
  const back = nextPresence(gone, heard([], groups('online')));
  expect(told(back)).toMatchObject([['devices-back', '', '', 'info', expect.stringContaining('10,000')]]);
  expect(back.silent).toEqual({});
});

it('waits where it has told a short while ago, and then tells what is left of it', () => {
  const first = newPresence('once', heard(['w-1'], { north: { online: ['a', 'b'] } }));
  const never = () => false;
  expect(nextPresence(first, heard([], { north: { online: ['b'], silent: ['a'] } }, never))).toBe(first);
  const next = nextPresence(first, heard(['w-1'], { north: { online: ['a'], silent: ['b'] } }));
  expect(told(next).map(([, , device]) => device)).toEqual(['b']);
});

it('says nothing of a device that was stopped, or is forgotten, after it was silent', () => {
  const first = newPresence('once', heard([], { north: { online: ['a'], silent: ['b'] } }));
  const next = nextPresence(first, heard([], { north: { online: ['a'] } }));
  expect(next).toMatchObject({ number: 1, silent: {}, events: [] });
});

it('remembers no more silent devices and workers than there is room for', () => {
  const first = newPresence('once', heard(names(300, 'w'), { north: { silent: names(15_000) } }));
  const all: Groups = { north: { silent: names(15_000) }, south: { silent: names(15_000, 'door') } };
  const next = nextPresence(first, heard([], all));
  expect([next.silent.north?.length, next.silent.south?.length]).toEqual([15_000, 5_000]);
  expect(next.workers.silent).toHaveLength(100);
  expect(nextPresence(next, heard([], all))).toBe(next);
});
