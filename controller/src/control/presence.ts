import type { GroupSilence } from '../register/fleet-register.js';
import type { NewEvent } from './group-state.js';
import { nothingOf } from './receive-orders.js';

/** Of whom it was said that they are silent. A plain value, kept in NATS by compare and set. */
export interface Presence {
  /** Random, one for each time that this is begun; with `number` it names what is told for good. */
  epoch: string;
  /** Counted up by one each time that it is kept. */
  number: number;
  /** Workers that report, and those that no longer do; the latter the oldest first. */
  workers: { heard: string[]; silent: string[] };
  /** Devices that were said to be silent, by group. */
  silent: Record<string, string[]>;
  /** What is to be told; whoever leads next tells what is not told yet. */
  events: NewEvent[];
}

/** What is heard of a fleet at one time. */
export interface Heard {
  /** By name. */
  workers: readonly string[];
  groups: ReadonlyMap<string, GroupSilence>;
  isOnline(group: string, device: string): boolean;
  /** Who says so, for the history. */
  author: string;
  /** Whether something may be told of a group so soon after the last time; empty: of workers, and of many groups. */
  mayTell(group: string): boolean;
}

/** So many silent devices are remembered; of more, nothing is told. */
const maxSilentDevices = 20_000;
const maxSilentWorkers = 100;
/** Of more groups at once, one event tells. */
const maxGroupsAtOnce = 20;
const maxNames = 5;

/** Whoever is silent when this is begun was silent before: nobody is told. */
export function newPresence(epoch: string, { workers, groups }: Heard): Presence {
  const silent: Presence['silent'] = {};
  let room = maxSilentDevices;
  for (const [group, { silent: devices }] of groups) {
    if (devices.length === 0 || room === 0) continue;
    silent[group] = devices.slice(0, room);
    room -= silent[group].length;
  }
  return { epoch, number: 0, workers: { heard: [...workers], silent: [] }, silent, events: [] };
}

/**
 * Who has fallen silent since, and who reports again. A worker that was stopped is silent like one that has died; a device that
 * was stopped has said so, and is not.
 * @returns `before` itself where nothing is different
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
  { workers: heard, author, mayTell }: Heard,
): { workers: Presence['workers']; events: NewEvent[] } | null {
  const now = new Set(heard);
  const fallen = expected.filter((worker) => !now.has(worker));
  const back = silent.filter((worker) => now.has(worker));
  const isNew = heard.some((worker) => !expected.includes(worker));
  if (fallen.length + back.length > 0 ? !mayTell('') : !isNew) return null;
  const about = { ...nothingOf(''), author };
  const events: NewEvent[] = [];
  if (fallen.length > 0) {
    events.push({
      ...{ ...about, kind: 'workers-silent', severity: 'warning' },
      text: `${named('worker', fallen)} ${fallen.length === 1 ? 'has' : 'have'} fallen silent; ${heard.length === 0 ? 'none reports' : `${heard.length} ${heard.length === 1 ? 'reports' : 'report'}`}.`,
    });
  }
  if (back.length > 0) {
    events.push({
      ...{ ...about, kind: 'workers-back', severity: 'info' },
      text: `${named('worker', back)} ${back.length === 1 ? 'reports' : 'report'} again; ${heard.length} ${heard.length === 1 ? 'does' : 'do'}.`,
    });
  }
  const left = silent.filter((worker) => !now.has(worker));
  return {
    workers: { heard: [...heard], silent: [...left, ...fallen].slice(-maxSilentWorkers) },
    events,
  };
}

/** What has changed of a group's devices. */
interface Change {
  group: string;
  fallen: string[];
  back: string[];
  online: number;
  /** Devices that are silent now and are said to be. */
  silent: string[];
}

function nextGroups(
  before: Presence['silent'],
  heard: Heard,
): { silent: Presence['silent']; events: NewEvent[] } | null {
  const silent = { ...before };
  const changes: Change[] = [];
  let room = maxSilentDevices - Object.values(before).reduce((sum, devices) => sum + devices.length, 0);
  let differs = false;
  for (const group of new Set([...Object.keys(before), ...heard.groups.keys()])) {
    const told = before[group] ?? [];
    const { silent: now = [], online = 0 } = heard.groups.get(group) ?? {};
    if (told.length === 0 && now.length === 0) continue;
    const [known, isSilent] = [new Set(told), new Set(now)];
    const fallen = now.filter((device) => !known.has(device)).slice(0, room);
    const back = told.filter((device) => !isSilent.has(device) && heard.isOnline(group, device));
    const left = told.filter((device) => isSilent.has(device));
    const news = fallen.length + back.length > 0;
    if (news ? !heard.mayTell(group) : left.length === told.length) continue;
    differs = true;
    room -= fallen.length;
    const devices = [...left, ...fallen];
    if (devices.length > 0) silent[group] = devices;
    else delete silent[group];
    if (news) changes.push({ group, fallen, back, online, silent: devices });
  }
  return differs ? { silent, events: eventsOf(changes, heard.author) } : null;
}

function eventsOf(changes: readonly Change[], author: string): NewEvent[] {
  const of = (kind: 'fallen' | 'back') => {
    const concerned = changes.filter((change) => change[kind].length > 0);
    return concerned.length > maxGroupsAtOnce
      ? [ofMany(kind, concerned, author)]
      : concerned.map((change) => ofGroup(kind, change, author));
  };
  return [...of('fallen'), ...of('back')];
}

function ofGroup(kind: 'fallen' | 'back', change: Change, author: string): NewEvent {
  const { group, online, silent } = change;
  const devices = change[kind];
  const one = devices.length === 1;
  const about = { ...nothingOf(group), device: one ? (devices[0] as string) : '', author };
  const who = named('device', devices);
  const rest = `${count(online)} of ${count(online + silent.length)} report`;
  return kind === 'fallen'
    ? {
        ...{ ...about, kind: 'devices-silent', severity: 'warning' },
        text: `${who} ${one ? 'has' : 'have'} fallen silent; ${rest}.`,
      }
    : {
        ...{ ...about, kind: 'devices-back', severity: 'info' },
        text: `${who} ${one ? 'reports' : 'report'} again; ${rest}.`,
      };
}

function ofMany(kind: 'fallen' | 'back', changes: readonly Change[], author: string): NewEvent {
  const devices = changes.reduce((sum, change) => sum + change[kind].length, 0);
  const groups = listed(changes.map(({ group }) => group));
  const who = `${count(devices)} devices of ${count(changes.length)} groups`;
  return {
    ...{ ...nothingOf(''), author },
    ...(kind === 'fallen'
      ? { kind: 'devices-silent', severity: 'warning', text: `${who} have fallen silent: ${groups}.` }
      : { kind: 'devices-back', severity: 'info', text: `${who} report again: ${groups}.` }),
  };
}

function named(what: 'worker' | 'device', names: readonly string[]): string {
  const one = `${what === 'worker' ? 'Worker' : 'Device'} ${names[0]}`;
  return names.length === 1 ? one : `${count(names.length)} ${what}s (${listed(names)})`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, maxNames).join(', ');
  return names.length > maxNames ? `${shown} and ${count(names.length - maxNames)} more` : shown;
}

const count = (value: number) => value.toLocaleString('en');
