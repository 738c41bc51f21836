import { propertyNames } from '@offramp/runtime/testing';
import { expect, it } from 'vitest';
import { type Heard, newPresence, nextPresence, type Presence } from './presence.js';

/** By group, the devices that report and those that are silent. */
type Groups = Readonly<Record<string, { online?: string[]; silent?: string[] }>>;

const names = (count: number, prefix = 'cam') => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

function heard(workers: string[], groups: Groups = {}, mayPublish: Heard['mayPublish'] = () => true): Heard {
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
    mayPublish,
  };
}

const told = ({ events }: Presence) =>
  events.map(({ kind, group, device, severity, text }) => [kind, group, device, severity, text]);

it('does not report devices that were silent at the start, but reports when they are back', () => {
  const first = newPresence('once', heard(['w-1'], { north: { online: ['a'], silent: ['b'] } }));
  expect(first.events).toEqual([]);
  expect(nextPresence(first, heard(['w-1'], { north: { online: ['a'], silent: ['b'] } }))).toBe(first);
  const next = nextPresence(first, heard(['w-1'], { north: { online: ['a', 'b'] } }));
  expect(told(next)).toEqual([
    ['devices-back', 'north', 'b', 'info', 'Device b reports again; 2 of 2 report.'],
  ]);
  expect(next).toMatchObject({ number: 1, silent: new Map() });
});

it('reports once that workers stop reporting, and that they are back', () => {
  let presence = newPresence('once', heard(['w-1']));
  const see = (...workers: string[]) => {
    const next = nextPresence(presence, heard(workers));
    const events = next === presence ? [] : told(next);
    presence = next;
    return events;
  };
  expect(see('w-1', 'w-2', 'w-3')).toEqual([]);
  expect(see('w-2', 'w-3')).toEqual([
    ['workers-silent', '', '', 'warning', 'Worker w-1 has stopped reporting; 2 report.'],
  ]);
  expect(see('w-2', 'w-3')).toEqual([]);
  expect(see()).toEqual([
    ['workers-silent', '', '', 'warning', '2 workers (w-2, w-3) have stopped reporting; no worker reports.'],
  ]);
  expect(see('w-1')).toEqual([['workers-back', '', '', 'info', 'Worker w-1 reports again; 1 does.']]);
  expect(presence.workers).toEqual({ heard: ['w-1'], silent: ['w-2', 'w-3'] });
});

it('reports devices in one event per group', () => {
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
      '12 devices (cam-0, cam-1, cam-2, cam-3, cam-4 and 7 more) have stopped reporting; 18 of 30 report.',
    ],
    ['devices-silent', 'south', 'a', 'Device a has stopped reporting; 0 of 1 report.'],
  ]);
});

it('reports many groups in one event', () => {
  const groups = (state: 'online' | 'silent'): Groups =>
    Object.fromEntries(names(1_000, 'site').map((group) => [group, { [state]: names(10) }]));
  const gone = nextPresence(newPresence('once', heard([], groups('online'))), heard([], groups('silent')));
  expect(told(gone)).toEqual([
    [
      ...['devices-silent', '', '', 'warning'],
      '10,000 devices of 1,000 groups have stopped reporting: site-0, site-1, site-2, site-3, site-4 and 995 more.',
    ],
  ]);
  const back = nextPresence(gone, heard([], groups('online')));
  expect(told(back)).toMatchObject([['devices-back', '', '', 'info', expect.stringContaining('10,000')]]);
  expect(back.silent).toEqual(new Map());
});

it('waits after a recent event, and then reports what still holds', () => {
  const first = newPresence('once', heard(['w-1'], { north: { online: ['a', 'b'] } }));
  const never = () => false;
  expect(nextPresence(first, heard([], { north: { online: ['b'], silent: ['a'] } }, never))).toBe(first);
  const next = nextPresence(first, heard(['w-1'], { north: { online: ['a'], silent: ['b'] } }));
  expect(told(next).map(([, , device]) => device)).toEqual(['b']);
});

it('reports nothing about a silent device that was stopped or forgotten', () => {
  const first = newPresence('once', heard([], { north: { online: ['a'], silent: ['b'] } }));
  const next = nextPresence(first, heard([], { north: { online: ['a'] } }));
  expect(next).toMatchObject({ number: 1, silent: new Map(), events: [] });
});

it('remembers a bounded number of silent devices and workers', () => {
  const first = newPresence('once', heard(names(300, 'w'), { north: { silent: names(15_000) } }));
  const all: Groups = { north: { silent: names(15_000) }, south: { silent: names(15_000, 'door') } };
  const next = nextPresence(first, heard([], all));
  expect([...next.silent.values()].map(({ length }) => length)).toEqual([15_000, 5_000]);
  expect(next.workers.silent).toHaveLength(100);
  expect(nextPresence(next, heard([], all))).toBe(next);
});

it.each(propertyNames)('reports a group and a device named %s', (name) => {
  const groups = (state: 'online' | 'silent'): Groups =>
    Object.fromEntries([name, 'north'].map((group) => [group, { [state]: [name] }]));
  const first = newPresence('once', heard([name], groups('online')));
  const gone = nextPresence(first, heard([name], groups('silent')));
  expect(told(gone).map(([kind, group, device]) => [kind, group, device])).toEqual([
    ['devices-silent', name, name],
    ['devices-silent', 'north', name],
  ]);
  expect(nextPresence(gone, heard([name], groups('silent')))).toBe(gone);
  const back = nextPresence(gone, heard([name], groups('online')));
  expect(told(back).map(([kind, group]) => [kind, group])).toEqual([
    ['devices-back', name],
    ['devices-back', 'north'],
  ]);
  expect(nextPresence(back, heard([], groups('online'))).workers.silent).toEqual([name]);
});
