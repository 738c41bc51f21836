import type { NewEvent } from './model/fleet-event.js';
import { newEvent } from './model/fleet-event.js';
import { eventTexts } from './text/event-texts.js';

/** Workers and devices reported as silent. A plain value, stored in NATS by compare-and-set. */
export interface Presence {
  /** A random id, new each time this is created. Together with `number` it identifies events permanently. */
  epoch: string;
  /** Incremented each time this is stored. */
  number: number;
  /** Workers that report, and workers that no longer do; the latter oldest first. */
  workers: { heard: string[]; silent: string[] };
  /** Devices reported as silent, by group. */
  silent: ReadonlyMap<string, readonly string[]>;
  /** Events to publish. The next leader publishes those that were not. */
  events: NewEvent[];
}

/** Which devices of a group report. */
export interface GroupSilence {
  online: number;
  /** Devices that count as offline but have not announced a stop. */
  silent: string[];
}

/** Which workers and devices report at one time. */
export interface Heard {
  /** By name. */
  workers: readonly string[];
  groups: ReadonlyMap<string, GroupSilence>;
  isOnline(group: string, device: string): boolean;
  /** The deciding controller, for the history. */
  author: string;
  /** Whether the minimum time since a group's last event has passed; empty: for events of workers and of many groups. */
  mayPublish(group: string): boolean;
}

/** Maximum number of remembered silent devices. Further ones are not reported. */
const maxSilentDevices = 20_000;
const maxSilentWorkers = 100;
/** Changes of more groups at once are reported in one event. */
const maxGroupsAtOnce = 20;

/** Devices that are silent at the start are not reported. */
export function newPresence(epoch: string, { workers, groups }: Heard): Presence {
  const silent = new Map<string, readonly string[]>();
  let room = maxSilentDevices;
  for (const [group, { silent: devices }] of groups) {
    if (devices.length === 0 || room === 0) continue;
    const remembered = devices.slice(0, room);
    silent.set(group, remembered);
    room -= remembered.length;
  }
  return { epoch, number: 0, workers: { heard: [...workers], silent: [] }, silent, events: [] };
}

/**
 * Finds which workers and devices have stopped reporting since, and which report again. A stopped worker counts as silent, as
 * a dead one does. A stopped device has announced it, and does not count as silent.
 * @returns `before` itself if nothing changed
 */
export function nextPresence(before: Presence, heard: Heard): Presence {
  const workers = nextWorkers(before.workers, heard);
  const groups = nextGroups(before.silent, heard);
  if (!workers && !groups) return before;
  return {
    epoch: before.epoch,
    number: before.number + 1,
    workers: workers?.workers ?? before.workers,
    silent: groups?.silent ?? before.silent,
    events: [...(workers?.events ?? []), ...(groups?.events ?? [])],
  };
}

function nextWorkers(
  { heard: expected, silent }: Presence['workers'],
  { workers: heard, author, mayPublish }: Heard,
): { workers: Presence['workers']; events: NewEvent[] } | null {
  const now = new Set(heard);
  const newlySilent = expected.filter((worker) => !now.has(worker));
  const back = silent.filter((worker) => now.has(worker));
  const isNew = heard.some((worker) => !expected.includes(worker));
  if (newlySilent.length + back.length > 0 ? !mayPublish('') : !isNew) return null;
  const events: NewEvent[] = [];
  if (newlySilent.length > 0) {
    const text = eventTexts.workersSilent(newlySilent, heard.length);
    events.push(newEvent({ group: '', author, kind: 'workers-silent', severity: 'warning', text }));
  }
  if (back.length > 0) {
    const text = eventTexts.workersBack(back, heard.length);
    events.push(newEvent({ group: '', author, kind: 'workers-back', text }));
  }
  const left = silent.filter((worker) => !now.has(worker));
  return {
    workers: { heard: [...heard], silent: [...left, ...newlySilent].slice(-maxSilentWorkers) },
    events,
  };
}

/** The changes of a group's devices. */
interface Change {
  group: string;
  newlySilent: string[];
  back: string[];
  online: number;
  /** Devices that are silent now and have been reported. */
  silent: string[];
}

function nextGroups(
  before: Presence['silent'],
  heard: Heard,
): { silent: Presence['silent']; events: NewEvent[] } | null {
  const silent = new Map(before);
  const changes: Change[] = [];
  let room = maxSilentDevices - [...before.values()].reduce((sum, devices) => sum + devices.length, 0);
  let differs = false;
  for (const group of new Set([...before.keys(), ...heard.groups.keys()])) {
    const told = before.get(group) ?? [];
    const { silent: now = [], online = 0 } = heard.groups.get(group) ?? {};
    if (told.length === 0 && now.length === 0) continue;
    const [known, isSilent] = [new Set(told), new Set(now)];
    const newlySilent = now.filter((device) => !known.has(device)).slice(0, room);
    const back = told.filter((device) => !isSilent.has(device) && heard.isOnline(group, device));
    const left = told.filter((device) => isSilent.has(device));
    const news = newlySilent.length + back.length > 0;
    if (news ? !heard.mayPublish(group) : left.length === told.length) continue;
    differs = true;
    room -= newlySilent.length;
    const devices = [...left, ...newlySilent];
    if (devices.length > 0) silent.set(group, devices);
    else silent.delete(group);
    if (news) changes.push({ group, newlySilent, back, online, silent: devices });
  }
  return differs ? { silent, events: eventsOf(changes, heard.author) } : null;
}

function eventsOf(changes: readonly Change[], author: string): NewEvent[] {
  const of = (kind: 'newlySilent' | 'back') => {
    const concerned = changes.filter((change) => change[kind].length > 0);
    return concerned.length > maxGroupsAtOnce
      ? [ofMany(kind, concerned, author)]
      : concerned.map((change) => ofGroup(kind, change, author));
  };
  return [...of('newlySilent'), ...of('back')];
}

function ofGroup(kind: 'newlySilent' | 'back', change: Change, author: string): NewEvent {
  const { group, online, silent } = change;
  const devices = change[kind];
  const all = online + silent.length;
  const device = devices.length === 1 ? (devices[0] as string) : '';
  return kind === 'newlySilent'
    ? newEvent({
        ...{ group, device, author, kind: 'devices-silent', severity: 'warning' },
        text: eventTexts.devicesSilent(devices, online, all),
      })
    : newEvent({
        ...{ group, device, author, kind: 'devices-back' },
        text: eventTexts.devicesBack(devices, online, all),
      });
}

function ofMany(kind: 'newlySilent' | 'back', changes: readonly Change[], author: string): NewEvent {
  const devices = changes.reduce((sum, change) => sum + change[kind].length, 0);
  const groups = changes.map(({ group }) => group);
  return kind === 'newlySilent'
    ? newEvent({
        ...{ group: '', author, kind: 'devices-silent', severity: 'warning' },
        text: eventTexts.manyDevicesSilent(devices, groups),
      })
    : newEvent({
        ...{ group: '', author, kind: 'devices-back' },
        text: eventTexts.manyDevicesBack(devices, groups),
      });
}
