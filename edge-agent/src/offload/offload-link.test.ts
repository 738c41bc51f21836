import { oldestEncodings } from '@offramp/bundle';
import {
  type AnswerInit,
  Encoding,
  type ResumeRequestInit,
  type ResumeResponseInit,
  v1,
} from '@offramp/contracts';
import { decoded } from '@offramp/contracts/testing';
import { createLogger } from '@offramp/runtime';
import { ManualClock } from '@offramp/runtime/testing';
import { beforeEach, expect, test } from 'vitest';
import type { OffloadAudit, OffloadAuditOutcome } from './audit-queue.js';
import type { OffloadOutcome } from './link-types.js';
import { OffloadLink } from './offload-link.js';
import type { OffloadSample } from './offload-sample.js';
import type { StreamEvents } from './transport.js';

const scope = { bundleDigest: new Uint8Array(32).fill(1), labels: 10, branches: 4, firstExit: 2 };
const options = {
  maxInFlight: 2,
  timeoutMs: 500,
  auditTimeoutMs: 10_000,
  reconnectFirstMs: 100,
  reconnectMaxMs: 1_000,
  unservedPauseMs: 1_500,
};
const sample: OffloadSample = {
  bundleDigest: scope.bundleDigest,
  policyVersion: 1,
  write: () => ({
    stage: 2,
    tensor: { shape: [4], encoding: Encoding.ENCODING_FLOAT32, data: new Uint8Array(16) },
    thresholds: [],
  }),
};
const sent = { encoding: Encoding.ENCODING_FLOAT32, bytes: 16, stage: 2, refused: false };
const goodAnswer: AnswerInit = { bundleDigest: scope.bundleDigest, exit: 4, label: 3, confidence: 0.5 };

/** The streams that the link opened, newest last. The test plays the worker. */
class Streams {
  readonly opened: { events: StreamEvents; sent: ResumeRequestInit[]; closed: boolean }[] = [];
  takesMore = true;

  open(events: StreamEvents) {
    const stream = { events, sent: [] as ResumeRequestInit[], closed: false };
    this.opened.push(stream);
    return {
      send: (request: ResumeRequestInit) => {
        stream.sent.push(request);
        return this.takesMore;
      },
      close: () => {
        stream.closed = true;
      },
    };
  }

  get newest() {
    const stream = this.opened.at(-1);
    if (!stream) throw new Error('no stream was opened');
    return stream;
  }

  respond(response: ResumeResponseInit) {
    this.newest.events.onResponse(decoded(v1.ResumeResponse, response));
  }
}

let clock: ManualClock;
let streams: Streams;
let link: OffloadLink;
beforeEach(() => {
  clock = new ManualClock();
  streams = new Streams();
  link = new OffloadLink(options, scope, streams, clock, () => 0, createLogger('test', 'silent'));
});

function connect() {
  link.start();
  streams.newest.events.onOpen(oldestEncodings);
}

/** Offloads a sample and records its outcome. */
function offload() {
  const noted: { outcome: OffloadOutcome | null; times: number } = { outcome: null, times: 0 };
  link.offload(sample).then((outcome) => {
    noted.outcome = outcome;
    noted.times++;
  });
  return noted;
}

test('a sample is encoded when it is sent, in an encoding that the worker of that stream accepts', async () => {
  const asked: ReadonlySet<number>[] = [];
  const write = (encodings: ReadonlySet<number>) => {
    asked.push(encodings);
    return sample.write(encodings);
  };
  connect();
  for (let i = 0; i <= options.maxInFlight; i++) void link.offload({ ...sample, write });
  expect(asked).toEqual(new Array(options.maxInFlight).fill(oldestEncodings));
  streams.newest.events.onClose('gone');
  clock.advance(options.reconnectFirstMs);
  const more = new Set([1, 3]);
  streams.newest.events.onOpen(more);
  void link.offload({ ...sample, write });
  expect(asked.at(-1)).toBe(more);
});

/** The worker refuses the last request. */
const refuseNewest = (code: number, retryAfterMs = 0) =>
  streams.respond({
    sampleId: idOf(streams.newest.sent.at(-1)),
    refusal: { code, message: 'refused', retryAfterMs },
  });

const settle = () => new Promise((resolve) => setImmediate(resolve));
const idOf = (request: ResumeRequestInit | undefined) => request?.sampleId as number;

test('answers are matched to samples in any order', async () => {
  connect();
  const [a, b] = [offload(), offload()];
  const [first, second] = streams.newest.sent;
  const { bundleDigest, policyVersion } = sample;
  expect(first).toMatchObject({ bundleDigest, policyVersion, stage: 2, thresholds: [], deadlineMs: 500 });
  streams.respond({ sampleId: idOf(second), answer: { ...goodAnswer, label: 2 } });
  streams.respond({ sampleId: idOf(first), answer: { ...goodAnswer, label: 1 } });
  await settle();
  expect(a.outcome).toMatchObject({ sent, answer: { outcome: { label: 1, exit: 4 } } });
  expect(b.outcome).toMatchObject({ sent, answer: { outcome: { label: 2 } } });
  expect(clock.pending).toBe(0);
});

test('at most maxInFlight samples are on the stream; the next is sent when one is answered, with its remaining time', async () => {
  connect();
  offload();
  offload();
  const third = offload();
  expect(streams.newest.sent.length).toBe(2);
  expect(link.inFlight).toEqual({ sent: 2, queued: 1 });
  clock.advance(200);
  streams.respond({ sampleId: idOf(streams.newest.sent[0]), answer: goodAnswer });
  expect(streams.newest.sent[2]).toMatchObject({ deadlineMs: 300 });
  clock.advance(300);
  await settle();
  expect(third.outcome).toEqual({ fallback: 'timeout', sent });
});

test('a sample that waits for the stream times out as well, unsent', async () => {
  connect();
  streams.takesMore = false;
  offload();
  const second = offload();
  expect(streams.newest.sent.length).toBe(1);
  clock.advance(500);
  await settle();
  expect(second.outcome).toEqual({ fallback: 'timeout', sent: null });
});

test('a full stream gets samples again when it has drained', () => {
  connect();
  streams.takesMore = false;
  offload();
  offload();
  expect(streams.newest.sent.length).toBe(1);
  streams.newest.events.onDrain();
  expect(streams.newest.sent.length).toBe(2);
});

test('an answer after the timeout, or a second one, is counted and dropped', async () => {
  connect();
  const late = offload();
  const id = idOf(streams.newest.sent[0]);
  clock.advance(500);
  await settle();
  expect(late.outcome).toEqual({ fallback: 'timeout', sent });
  streams.respond({ sampleId: id, answer: goodAnswer });
  streams.respond({ sampleId: id, answer: goodAnswer });
  await settle();
  expect(late.times).toBe(1);
  expect(link.counters).toMatchObject({ timeouts: 1, late: 2, answered: 0 });
});

test('malformed responses are counted and have no other effect', async () => {
  connect();
  const noted = offload();
  const id = idOf(streams.newest.sent[0]);
  streams.respond({});
  streams.respond({ sampleId: 4_711, answer: goodAnswer });
  streams.respond({ sampleId: id });
  streams.respond({ sampleId: id, answer: { ...goodAnswer, label: 99 } });
  streams.respond({ sampleId: id, answer: { ...goodAnswer, bundleDigest: new Uint8Array(32) } });
  expect(link.counters.invalid).toBe(5);
  streams.respond({ sampleId: id, answer: goodAnswer });
  await settle();
  expect(noted.outcome).toMatchObject({ answer: { outcome: { label: 3 } } });
});

test('when the stream breaks, all samples fall back at once, and new ones do not wait for the next stream', async () => {
  connect();
  const before = [offload(), offload(), offload()];
  streams.newest.events.onClose('gone');
  await settle();
  expect(before.map(({ outcome }) => outcome)).toEqual([
    { fallback: 'broken', sent },
    { fallback: 'broken', sent },
    { fallback: 'broken', sent: null },
  ]);
  expect(link.state).toBe('waiting');
  const after = offload();
  await settle();
  expect(after.outcome).toEqual({ fallback: 'down', sent: null });
  clock.advance(100);
  expect(link.state).toBe('connecting');
  const connecting = offload();
  await settle();
  expect(connecting.outcome).toEqual({ fallback: 'down', sent: null });
  streams.newest.events.onOpen(oldestEncodings);
  const again = offload();
  streams.respond({ sampleId: idOf(streams.newest.sent[0]), answer: goodAnswer });
  await settle();
  expect(again.outcome).toHaveProperty('answer');
});

test('waits grow while attempts fail, and are reset only when a worker has answered', () => {
  link.start();
  const waits = [100, 200, 400, 800, 1_000, 1_000];
  for (const [failures, waitMs] of waits.entries()) {
    streams.newest.events.onOpen(oldestEncodings);
    streams.newest.events.onClose('refused');
    clock.advance(waitMs - 1);
    expect(streams.opened.length).toBe(failures + 1);
    clock.advance(1);
    expect(streams.opened.length).toBe(failures + 2);
  }
  streams.newest.events.onOpen(oldestEncodings);
  offload();
  streams.respond({ sampleId: idOf(streams.newest.sent[0]), answer: goodAnswer });
  streams.newest.events.onClose('gone');
  clock.advance(100);
  expect(streams.opened.length).toBe(waits.length + 2);
});

test.each([
  ['full', 8],
  ['draining', 14],
])('a worker that is %s gets no samples for the time that it names', async (_, code) => {
  connect();
  const [refused, other] = [offload(), offload()];
  const queued = offload();
  streams.respond({ sampleId: idOf(streams.newest.sent[0]), refusal: { code, retryAfterMs: 250 } });
  await settle();
  expect(refused.outcome).toEqual({ fallback: 'refused', sent: { ...sent, refused: true } });
  expect(queued.outcome).toEqual({ fallback: 'down', sent: null });
  expect(other.outcome).toBeNull();
  expect(link.state).toBe('paused');
  clock.advance(249);
  expect(link.state).toBe('paused');
  streams.respond({ sampleId: idOf(streams.newest.sent[1]), answer: goodAnswer });
  clock.advance(1);
  expect(link.state).toBe('ready');
  await settle();
  expect(other.outcome).toHaveProperty('answer');
});

test('the pause that a worker asks for is limited', () => {
  connect();
  offload();
  const id = idOf(streams.newest.sent[0]);
  streams.respond({ sampleId: id, refusal: { code: 8, retryAfterMs: 4_000_000_000 } });
  clock.advance(60_000);
  expect(link.state).toBe('ready');
});

test('a worker without the bundle gets one sample at a time, until it serves the bundle', async () => {
  connect();
  const refused = offload();
  refuseNewest(5);
  await settle();
  expect(refused.outcome).toEqual({ fallback: 'refused', sent: { ...sent, refused: true } });
  expect(link.state).toBe('unserved');
  for (let times = 1; times <= 3; times++) {
    clock.advance(options.unservedPauseMs - 1);
    expect(link.state).toBe('unserved');
    clock.advance(1);
    const asking = offload();
    const besides = offload();
    await settle();
    expect(besides.outcome).toEqual({ fallback: 'down', sent: null });
    expect(await link.audit(sample)).toEqual({ dropped: 'failed' });
    expect(streams.newest.sent.length).toBe(1 + times);
    refuseNewest(5);
    await settle();
    expect(asking.outcome).toEqual({ fallback: 'refused', sent: { ...sent, refused: true } });
  }
  clock.advance(options.unservedPauseMs);
  const asking = offload();
  streams.respond({ sampleId: idOf(streams.newest.sent.at(-1)), answer: goodAnswer });
  await settle();
  expect(asking.outcome).toHaveProperty('answer');
  expect(link.state).toBe('ready');
});

test.each([
  ['times out', () => clock.advance(options.timeoutMs), 'asking'],
  ['is refused as invalid', () => refuseNewest(3), 'ready'],
  ['finds the worker full', () => refuseNewest(8, 100), 'paused'],
  ['breaks the stream', () => streams.newest.events.onClose('gone'), 'waiting'],
] as const)(
  'after a sample that asks for the bundle and %s, the next one can be sent',
  async (_, end, state) => {
    connect();
    offload();
    refuseNewest(5);
    clock.advance(options.unservedPauseMs);
    offload();
    expect(streams.newest.sent.length).toBe(2);
    end();
    expect(link.state).toBe(state);
    clock.advance(100);
    if (state === 'waiting') streams.newest.events.onOpen(oldestEncodings);
    const next = offload();
    streams.respond({ sampleId: idOf(streams.newest.sent.at(-1)), answer: goodAnswer });
    await settle();
    expect(next.outcome).toHaveProperty('answer');
    expect(link.state).toBe('ready');
  },
);

test('other refusals end only their sample', async () => {
  connect();
  const [refused, other] = [offload(), offload()];
  streams.respond({ sampleId: idOf(streams.newest.sent[0]), refusal: { code: 3, message: 'wrong shape' } });
  streams.respond({ sampleId: idOf(streams.newest.sent[1]), answer: goodAnswer });
  await settle();
  expect(refused.outcome).toEqual({ fallback: 'refused', sent: { ...sent, refused: true } });
  expect(other.outcome).toHaveProperty('answer');
  expect(link.state).toBe('ready');
});

test('a break during a pause starts a new wait, which the end of the pause does not cut short', () => {
  connect();
  offload();
  streams.respond({ sampleId: idOf(streams.newest.sent[0]), refusal: { code: 8, retryAfterMs: 50 } });
  streams.newest.events.onClose('gone');
  clock.advance(50);
  expect(link.state).toBe('waiting');
});

test('a stream that goes on over another connection keeps its samples, its pause, and counts as a move', async () => {
  connect();
  const [refused, other] = [offload(), offload()];
  streams.respond({ sampleId: idOf(streams.newest.sent[0]), refusal: { code: 8, retryAfterMs: 250 } });
  const more = new Set([1, 3]);
  streams.newest.events.onOpen(more);
  expect(link.state).toBe('paused');
  clock.advance(250);
  expect(link.accepted).toBe(more);
  streams.respond({ sampleId: idOf(streams.newest.sent[1]), answer: goodAnswer });
  await settle();
  expect([refused, other].map(({ outcome }) => outcome && 'answer' in outcome)).toEqual([false, true]);
  expect(link.counters).toMatchObject({ moves: 1, reconnects: 0, broken: 0 });
});

test('samples and audits whose answers are lost fall back at once, and others go on', async () => {
  connect();
  const audited = audit();
  const [lost, kept] = [offload(), offload()];
  const waiting = offload();
  const ids = streams.newest.sent.map(idOf);
  streams.newest.events.onLost([ids[0] ?? 0, ids[1] ?? 0, 4_711]);
  await settle();
  expect(lost.outcome).toEqual({ fallback: 'broken', sent });
  expect(audited.outcome).toEqual({ dropped: 'failed' });
  expect(kept.outcome).toBeNull();
  expect(waiting.outcome).toBeNull();
  expect(streams.newest.sent).toHaveLength(4);
  expect(link.counters.broken).toBe(1);
});

test('events of an old stream are ignored', async () => {
  connect();
  const old = streams.newest;
  old.events.onClose('gone');
  clock.advance(100);
  streams.newest.events.onOpen(oldestEncodings);
  const noted = offload();
  const late = { sampleId: idOf(streams.newest.sent[0]), answer: goodAnswer };
  old.events.onResponse(decoded(v1.ResumeResponse, late));
  old.events.onClose('again');
  await settle();
  expect(noted.outcome).toBeNull();
  expect(link.state).toBe('ready');
});

test('closing ends all samples at once, and permanently', async () => {
  connect();
  const before = offload();
  link.close();
  const after = offload();
  await settle();
  expect(before.outcome).toEqual({ fallback: 'stopping', sent });
  expect(after.outcome).toEqual({ fallback: 'stopping', sent: null });
  expect(streams.newest.closed).toBe(true);
  clock.advance(100_000);
  expect(streams.opened.length).toBe(1);
  expect(clock.pending).toBe(0);
});

test('firstAttempt settles on success, on failure and on closing', async () => {
  link.start();
  let settled = false;
  const first = link.firstAttempt().then(() => {
    settled = true;
  });
  await settle();
  expect(settled).toBe(false);
  streams.newest.events.onClose('refused');
  await first;
  await link.firstAttempt();
});

/** Starts an audit and records its outcome. */
function audit(differing: Partial<OffloadAudit> = {}) {
  const noted: { outcome: OffloadAuditOutcome | null } = { outcome: null };
  link.audit({ ...sample, ...differing }).then((outcome) => {
    noted.outcome = outcome;
  });
  return noted;
}

test('audits are marked, and sent one at a time after all samples', async () => {
  connect();
  const noted = [audit(), audit()];
  expect(streams.newest.sent.map(({ audit }) => audit)).toEqual([true]);
  offload();
  offload();
  const waiting = offload();
  streams.respond({ sampleId: idOf(streams.newest.sent[0]), answer: goodAnswer });
  expect(streams.newest.sent.map(({ audit }) => audit ?? false)).toEqual([true, false, false]);
  expect(link.inFlight).toEqual({ sent: 2, queued: 1 });
  streams.respond({ sampleId: idOf(streams.newest.sent[1]), answer: goodAnswer });
  streams.respond({ sampleId: idOf(streams.newest.sent[2]), answer: goodAnswer });
  expect(streams.newest.sent.map(({ audit }) => audit ?? false)).toEqual([true, false, false, false, true]);
  await settle();
  expect(waiting.outcome).toBeNull();
  expect(noted.map(({ outcome }) => outcome)).toEqual([
    { answer: { outcome: { exit: 4, label: 3, confidence: 0.5 }, passed: [] } },
    null,
  ]);
  expect(link.counters).toMatchObject({ answered: 2, invalid: 0 });
});

test('after the worker refuses an audit, samples are still sent, and audits pause', async () => {
  connect();
  const noted = [audit(), audit()];
  const refusal = { code: 8, retryAfterMs: 300 };
  streams.respond({ sampleId: idOf(streams.newest.sent[0]), refusal });
  await settle();
  expect(noted.map(({ outcome }) => outcome)).toEqual([{ dropped: 'busy' }, { dropped: 'busy' }]);
  expect(link.state).toBe('ready');
  expect(link.counters).toMatchObject({ refusals: 0 });
  const early = audit();
  await settle();
  expect(early.outcome).toEqual({ dropped: 'busy' });
  clock.advance(300);
  audit();
  expect(streams.newest.sent).toHaveLength(2);
});

test('every audit ends: by timeout, when the stream breaks, and on an invalid answer', async () => {
  const early = audit();
  connect();
  const unsent = audit({ write: () => null });
  expect(streams.newest.sent).toHaveLength(0);
  const late = audit();
  clock.advance(options.auditTimeoutMs);
  streams.takesMore = false;
  offload();
  const waiting = audit();
  clock.advance(options.auditTimeoutMs);
  streams.takesMore = true;
  streams.newest.events.onDrain();
  const wrong = audit();
  streams.respond({ sampleId: idOf(streams.newest.sent.at(-1)), answer: { ...goodAnswer, exit: 1 } });
  const broken = [audit(), audit()];
  streams.newest.events.onClose('gone');
  await settle();
  expect([early, unsent, late, waiting, wrong, ...broken].map(({ outcome }) => outcome)).toEqual(
    ['failed', 'budget', 'failed', 'busy', 'failed', 'failed', 'failed'].map((dropped) => ({ dropped })),
  );
  expect(link.counters).toMatchObject({ broken: 0, timeouts: 1, invalid: 1 });
  clock.advance(60_000);
  link.close();
  expect(clock.pending).toBe(0);
});
