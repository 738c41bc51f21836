import { connectBus, v1, workerSubjects } from '@offramp/contracts';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  connect,
  openExampleBundle,
  referenceSamples,
  startTestWorker,
  TestStream,
  until,
} from '../worker.test.kit.js';

let server: NatsServer;
beforeEach(async () => {
  server = await startNatsServer();
});
afterEach(() => server.stop());

type Report = ReturnType<typeof v1.WorkerReport.decode>;

async function listen(): Promise<{ reports: Report[]; close(): Promise<void> }> {
  const bus = await connectBus({ url: server.url, name: 'test' });
  const reports: Report[] = [];
  bus.subscribe(workerSubjects, { callback: (_, { data }) => reports.push(v1.WorkerReport.decode(data)) });
  await bus.flush();
  return { reports, close: () => bus.close() };
}

test('a worker reports its load and the stages that cause it', async () => {
  const { reports, close } = await listen();
  const worker = await startTestWorker({
    nats: server.url,
    name: 'gpu-1',
    reportIntervalMs: 100,
    threads: 2,
  });
  const bundle = await openExampleBundle();
  const [sample] = await referenceSamples(bundle, 1);
  const stream = new TestStream(connect(worker));
  const thresholds = new Array<number>(bundle.branches).fill(2);
  const request = { bundleDigest: bundle.digestBytes, stage: 1, thresholds, deadlineMs: 10_000 };
  for (let sampleId = 1; sampleId <= 5; sampleId++) {
    await stream.ask({ ...request, sampleId, tensor: sample?.inputs[1] ?? null });
  }
  const sum = (of: (report: Report) => number | null | undefined) =>
    reports.reduce((total, report) => total + (of(report) ?? 0), 0);
  await until('all answers are reported', () => sum(({ answered }) => answered) === 5);
  const ran = (stage: number) => sum(({ stages }) => stages?.find((work) => work.stage === stage)?.samples);
  expect(ran(0)).toBe(0);
  for (let stage = 1; stage <= bundle.branches; stage++) expect(ran(stage)).toBe(5);
  expect(sum(({ utilisation }) => utilisation)).toBeGreaterThan(0);
  expect(reports.at(-1)).toMatchObject({ worker: 'gpu-1', threads: 2, maxQueue: 512, streams: 1 });
  expect(reports.map(({ sequence }) => sequence)).toEqual(
    reports.map((_, i) => (reports[0]?.sequence ?? 0) + i),
  );
  expect(Buffer.from(reports.flatMap(({ stages }) => stages ?? [])[0]?.bundleDigest ?? [])).toEqual(
    Buffer.from(bundle.digestBytes),
  );
  await close();
});

test('no NATS, then one, then none: the worker starts, answers and stops in any case', async () => {
  const { port } = server;
  await server.stop();
  const worker = await startTestWorker({ nats: server.url, reportIntervalMs: 100 });
  const bundle = await openExampleBundle();
  const [sample] = await referenceSamples(bundle, 1);
  const stream = new TestStream(connect(worker));
  const request = { bundleDigest: bundle.digestBytes, stage: 1, deadlineMs: 10_000 };
  const thresholds = new Array<number>(bundle.branches).fill(0);
  const ask = (sampleId: number) =>
    stream.ask({ ...request, sampleId, thresholds, tensor: sample?.inputs[1] ?? null });
  expect((await ask(1)).answer).toBeTruthy();
  server = await startNatsServer({ port });
  const { reports, close } = await listen();
  await until('a report comes', () => reports.length > 0);
  await close();
  await server.stop();
  expect((await ask(2)).answer).toBeTruthy();
  await worker.stop();
});

test('an invalid name is rejected before anything is loaded', async () => {
  await expect(startTestWorker({ name: 'gpu.1' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
