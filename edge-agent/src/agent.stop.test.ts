import { PassThrough } from 'node:stream';
import { Bundle } from '@offramp/bundle';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { exampleBundleDirectory } from './testing/example.js';
import { neverAnswer, type ScriptedWorker, startScriptedWorker } from './testing/scripted-worker.js';
import { idsOf, numbersTo, startTestAgent } from './testing/test-agent.js';

const soon = { timeout: 60_000, interval: 5 };

let allStages: number;
beforeAll(async () => {
  allStages = (await Bundle.open(exampleBundleDirectory)).manifest.stages.length;
});
let worker: ScriptedWorker | null = null;
afterEach(() => worker?.stop());

test('a stop answers samples in flight, and takes no new ones', async () => {
  const agent = await startTestAgent({ deviceStages: allStages, loop: true, maxInFlight: 32 });
  await vi.waitFor(() => expect(agent.answers.length).toBeGreaterThan(0), soon);
  expect(agent.status().inFlight).toBeGreaterThan(0);
  await Promise.all([agent.stop(), agent.stop(), agent.done]);
  expect(agent.status()).toMatchObject({ phase: 'stopped', inFlight: 0 });
  expect(idsOf(agent.answers)).toEqual(numbersTo(agent.answers.length));
  expect(agent.status().totals.samples).toBe(agent.answers.length);
});

test('a worker that does not answer delays a stop by at most drainMs', async () => {
  worker = await startScriptedWorker(neverAnswer);
  const agent = await startTestAgent({
    cloud: worker.address,
    deviceStages: 1,
    loop: true,
    maxInFlight: 16,
    maxOffloadsInFlight: 4,
    offloadTimeoutMs: 3_600_000,
    drainMs: 50,
  });
  await vi.waitFor(() => expect(agent.status().cloud).toMatchObject({ sent: 4, queued: 12 }), soon);
  const before = agent.answers.length;
  await agent.stop();
  expect(agent.answers.length).toBe(before + 16);
  expect(agent.answers.slice(before).every(({ degraded }) => degraded)).toBe(true);
  expect(agent.answers.slice(before).filter(({ offloaded }) => offloaded).length).toBe(4);
  expect(idsOf(agent.answers)).toEqual(numbersTo(agent.answers.length));
});

test('a finite source ends the agent by itself', async () => {
  const agents = await Promise.all(
    [0, 1].map((i) => startTestAgent({ deviceStages: allStages, shard: `${i}/2`, limit: 10 })),
  );
  for (const agent of agents) {
    await agent.done;
    expect(idsOf(agent.answers)).toEqual(numbersTo(10));
  }
  expect(new Set(agents.flatMap(({ answers }) => answers.map(({ sample }) => sample))).size).toBe(20);
});

test('a reader that disconnects ends the agent without an error', async () => {
  const output = new PassThrough();
  const agent = await startTestAgent({ deviceStages: allStages, loop: true }, output);
  await vi.waitFor(() => expect(agent.answers.length).toBeGreaterThan(0), soon);
  output.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  await agent.done;
});

test('answers that cannot be written end the agent with the reason', async () => {
  const output = new PassThrough();
  const agent = await startTestAgent({ deviceStages: allStages, loop: true }, output);
  output.destroy(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
  await expect(agent.done).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
});

test('a reader that stops reading pauses the source', async () => {
  const output = new PassThrough({ highWaterMark: 1_000 });
  const agent = await startTestAgent(
    { deviceStages: allStages, loop: true, maxInFlight: 8, drainMs: 50 },
    output,
  );
  output.pause();
  await vi.waitFor(() => expect(agent.status().inFlight).toBe(8), soon);
  const held = agent.status().totals.samples;
  output.resume();
  await vi.waitFor(() => expect(agent.status().totals.samples).toBeGreaterThan(held), soon);
  await agent.stop();
  expect(idsOf(agent.answers)).toEqual(numbersTo(agent.answers.length));
});

test.each([
  ['nothing to do', { source: undefined }, 'CONFIG_INVALID'],
  ['a malformed shard', { shard: '2/2' }, 'CONFIG_INVALID'],
  ['a shard beyond the data', { shard: '20000/30000' }, 'DATA_NOT_FOUND'],
  ['no such data', { source: '/nowhere' }, 'DATA_NOT_FOUND'],
  ['too many stages', { deviceStages: 300 }, 'CONFIG_INVALID'],
  ['a malformed worker address', { cloud: 'nowhere' }, 'CONFIG_INVALID'],
  ['an invalid name', { device: 'a b' }, 'CONFIG_INVALID'],
  ['an invalid group', { group: 'a.b' }, 'CONFIG_INVALID'],
  ['answers to nowhere', { answers: '/nowhere/at/all' }, 'OUTPUT_FAILED'],
] as const)('%s: the start fails with a code', async (_, config, code) => {
  await expect(startTestAgent(config)).rejects.toMatchObject({ code });
});
