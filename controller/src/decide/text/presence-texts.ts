import { countText } from './count-text.js';
import { namesText } from './names-text.js';

type Kind = 'worker' | 'device';

/** Sentences of the events about workers and devices that stop reporting, and that report again. */
export const presenceTexts = {
  /** @param reporting workers that still report */
  workersSilent: (workers: readonly string[], reporting: number) =>
    `${silent('worker', workers)}; ${reporting === 0 ? 'no worker reports' : `${reporting} ${verb(reporting)}`}.`,
  workersBack: (workers: readonly string[], reporting: number) =>
    `${back('worker', workers)}; ${reporting} ${reporting === 1 ? 'does' : 'do'}.`,
  /** @param online devices that report. @param all devices of the group, without those that announced a stop */
  devicesSilent: (devices: readonly string[], online: number, all: number) =>
    `${silent('device', devices)}; ${countText(online)} of ${countText(all)} report.`,
  devicesBack: (devices: readonly string[], online: number, all: number) =>
    `${back('device', devices)}; ${countText(online)} of ${countText(all)} report.`,
  manyDevicesSilent: (devices: number, groups: readonly string[]) =>
    `${ofGroups(devices, groups)} have stopped reporting: ${namesText(groups)}.`,
  manyDevicesBack: (devices: number, groups: readonly string[]) =>
    `${ofGroups(devices, groups)} report again: ${namesText(groups)}.`,
};

function silent(kind: Kind, names: readonly string[]): string {
  return `${named(kind, names)} ${names.length === 1 ? 'has' : 'have'} stopped reporting`;
}

function back(kind: Kind, names: readonly string[]): string {
  return `${named(kind, names)} ${verb(names.length)} again`;
}

function verb(reporting: number): string {
  return reporting === 1 ? 'reports' : 'report';
}

function ofGroups(devices: number, groups: readonly string[]): string {
  return `${countText(devices)} devices of ${countText(groups.length)} groups`;
}

function named(kind: Kind, names: readonly string[]): string {
  const one = `${kind === 'worker' ? 'Worker' : 'Device'} ${names[0]}`;
  return names.length === 1 ? one : `${countText(names.length)} ${kind}s (${namesText(names)})`;
}
