import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { decoded } from '../testing/decoded.js';
import { v1 } from '../wire/messages.js';
import { addWindowCounters, pickWindowCounters, WindowCounters, windowCounters } from './window-counters.js';

const fleet = fileURLToPath(new URL('../../../../proto/offramp/v1/fleet.proto', import.meta.url));

test('the table has every counter of the message', () => {
  const { fieldsArray } = protobuf.loadSync(fleet).lookupType('offramp.v1.Window');
  const counters = fieldsArray.filter(({ type, repeated }) => type === 'uint64' && !repeated);
  const names = counters.map(({ name }) => name).filter((name) => name !== 'evidenceDropped');
  expect([...windowCounters].sort()).toEqual(names.sort());
});

test('counters go over the wire and add up, whichever they are', () => {
  const counters = new WindowCounters();
  windowCounters.forEach((name, i) => {
    counters[name] = i + 1;
  });
  const read = pickWindowCounters(decoded(v1.Window, { ...counters, exits: [1] }));
  expect(read).toEqual(counters);
  addWindowCounters(read, counters);
  expect(windowCounters.map((name) => read[name])).toEqual(windowCounters.map((_, i) => 2 * (i + 1)));
});

test('sums stay within what the contracts carry', () => {
  const counters = Object.assign(new WindowCounters(), { deviceMacs: Number.MAX_SAFE_INTEGER });
  addWindowCounters(counters, { ...counters, deviceMacs: 7 });
  expect(counters.deviceMacs).toBe(Number.MAX_SAFE_INTEGER);
});
