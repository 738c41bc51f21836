import { type ResumeRequestInit, v1 } from '@offramp/contracts';
import { decoded } from '@offramp/contracts/testing';
import { createLogger } from '@offramp/runtime';
import { ManualClock } from '@offramp/runtime/testing';
import { beforeEach, expect, test } from 'vitest';
import { RenewableTransport } from './renewable-transport.js';
import type { ConnectionEvents, OffloadStream } from './transport.js';

const drainMs = 10_000;
const encodings = new Set([1]);

interface TestConnection {
  events: ConnectionEvents;
  sent: number[];
  state: 'open' | 'finishing' | 'closed';
}

let clock: ManualClock;
/** Oldest first. The test plays the worker. */
let connections: TestConnection[];
let happened: unknown[];
let stream: OffloadStream;

beforeEach(() => {
  clock = new ManualClock();
  connections = [];
  happened = [];
  const connector = {
    connect: (events: ConnectionEvents) => {
      const made: TestConnection = { events, sent: [], state: 'open' };
      connections.push(made);
      return {
        send: ({ sampleId }: ResumeRequestInit) => {
          made.sent.push(Number(sampleId));
          return true;
        },
        finish: () => {
          made.state = 'finishing';
        },
        close: () => {
          made.state = 'closed';
        },
      };
    },
  };
  stream = new RenewableTransport(connector, drainMs, clock, createLogger('test', 'silent')).open({
    onOpen: () => happened.push('open'),
    onResponse: ({ sampleId }) => happened.push(sampleId),
    onDrain: () => happened.push('drain'),
    onLost: (ids) => happened.push({ lost: ids }),
    onClose: (reason) => happened.push({ closed: reason }),
  });
});

function connection(i: number): TestConnection {
  const found = connections[i];
  if (!found) throw new Error(`connection ${i} was not opened`);
  return found;
}

const answer = (i: number, sampleId: number) =>
  connection(i).events.onResponse(decoded(v1.ResumeResponse, { sampleId }));

/** Opens the first connection, sends samples 1 and 2 over it, and moves to the second. */
function move() {
  connection(0).events.onOpen(encodings);
  stream.send({ sampleId: 1 });
  stream.send({ sampleId: 2 });
  connection(0).events.onStale();
  connection(1).events.onOpen(encodings);
}

test('samples go over the old connection until the new one is open, and answers come over both', () => {
  connection(0).events.onOpen(encodings);
  stream.send({ sampleId: 1 });
  connection(0).events.onStale();
  connection(0).events.onStale();
  expect(connections).toHaveLength(2);
  stream.send({ sampleId: 2 });
  connection(1).events.onOpen(encodings);
  stream.send({ sampleId: 3 });
  expect(connections.map(({ sent }) => sent)).toEqual([[1, 2], [3]]);
  expect(connections.map(({ state }) => state)).toEqual(['finishing', 'open']);
  answer(1, 3);
  answer(0, 1);
  answer(0, 2);
  connection(0).events.onClose('the worker ended the stream');
  expect(happened).toEqual(['open', 'open', 3, 1, 2]);
  expect(clock.pending).toBe(0);
});

test('while the new connection cannot be opened, the old one stays, and another attempt follows', () => {
  connection(0).events.onOpen(encodings);
  connection(0).events.onStale();
  connection(1).events.onClose('refused');
  stream.send({ sampleId: 1 });
  expect(connection(0)).toMatchObject({ sent: [1], state: 'open' });
  connection(0).events.onStale();
  connection(2).events.onOpen(encodings);
  expect(connection(0).state).toBe('finishing');
  expect(happened).toEqual(['open', 'open']);
});

test('samples on an old connection that breaks are lost, and no others', () => {
  move();
  stream.send({ sampleId: 3 });
  answer(0, 1);
  connection(0).events.onClose('gone');
  expect(happened).toEqual(['open', 'open', 1, { lost: [2] }]);
  expect(clock.pending).toBe(0);
});

test('an old connection without last answers is closed after a time', () => {
  move();
  clock.advance(drainMs - 1);
  expect(connection(0).state).toBe('finishing');
  clock.advance(1);
  expect(connection(0).state).toBe('closed');
  expect(happened.at(-1)).toEqual({ lost: [1, 2] });
});

test('when the connection in use breaks, all close, and the stream ends once', () => {
  move();
  connection(1).events.onStale();
  connection(1).events.onClose('gone');
  expect(connections.map(({ state }) => state)).toEqual(['closed', 'closed', 'closed']);
  expect(happened).toEqual(['open', 'open', { closed: 'gone' }]);
  expect(clock.pending).toBe(0);
});

test('only a full connection that is in use says that it has drained', () => {
  move();
  connection(0).events.onDrain();
  expect(happened).not.toContain('drain');
  connection(1).events.onDrain();
  expect(happened).toContain('drain');
});
