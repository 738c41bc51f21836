import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createLogger } from '../logs/logging.js';
import { temporaryFolder } from '../testing/temporary-folder.js';
import { MetricsRegistry } from './metrics-registry.js';
import { type MetricsServer, startMetricsServer } from './metrics-server.js';

const logger = createLogger('test', 'silent');
const servers: MetricsServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(metrics: MetricsRegistry, listen = '127.0.0.1:0'): Promise<string> {
  const server = await startMetricsServer(listen, metrics, logger);
  servers.push(server);
  return server.address;
}

test('metrics are what is counted when somebody looks', async () => {
  const metrics = new MetricsRegistry();
  let samples = 0;
  let backlog: number | null = null;
  const exits = new Map<string, number>();
  metrics.counter({ name: 'samples_total', help: 'Samples.' }, () => samples);
  metrics.counter({ name: 'exits_total', help: 'By exit.', labels: ['exit'] }, () =>
    [...exits].map(([exit, count]) => [{ exit }, count] as const),
  );
  metrics.gauge({ name: 'backlog', help: 'Waiting.' }, () => backlog);
  const latency = metrics.histogram({ name: 'latency_seconds', help: 'Latency.' }, [0.1, 1]);
  const lines = async () => (await metrics.text()).split('\n').filter((line) => /^[a-z]/.test(line));
  expect(await lines()).toEqual([
    'samples_total 0',
    'latency_seconds_bucket{le="0.1"} 0',
    'latency_seconds_bucket{le="1"} 0',
    'latency_seconds_bucket{le="+Inf"} 0',
    'latency_seconds_sum 0',
    'latency_seconds_count 0',
  ]);
  samples = 7;
  backlog = 0;
  exits.set('0', 4).set('final', 3);
  latency.observe(0.5);
  expect(await lines()).toEqual(
    expect.arrayContaining([
      'samples_total 7',
      'exits_total{exit="final"} 3',
      'backlog 0',
      'latency_seconds_bucket{le="1"} 1',
    ]),
  );
  samples = 8;
  backlog = null;
  exits.delete('0');
  expect(await lines()).toContain('samples_total 8');
  expect((await lines()).join()).not.toMatch(/backlog|exit="0"/);
});

test('two programs in one process have metrics of their own', async () => {
  const values = [1, 2].map((value) => {
    const metrics = new MetricsRegistry();
    metrics.gauge({ name: 'value', help: 'Value.' }, () => value);
    return metrics.text();
  });
  expect(await Promise.all(values)).toEqual([
    expect.stringMatching(/value 1/),
    expect.stringMatching(/value 2/),
  ]);
});

test('the server shows them, and nothing else', async () => {
  const metrics = new MetricsRegistry();
  metrics.gauge({ name: 'value', help: 'A value.' }, () => 1);
  const address = await serve(metrics);
  const found = await fetch(`${address}/metrics`);
  expect(found.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(await found.text()).toBe('# HELP value A value.\n# TYPE value gauge\nvalue 1\n');
  expect((await fetch(`${address}/`)).status).toBe(404);
  expect((await fetch(`${address}/metrics`, { method: 'POST' })).status).toBe(405);
  const port = address.replace('http://', '');
  await expect(serve(metrics, port)).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  await expect(serve(metrics, 'nonsense')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('a reading that fails is an error of that look alone', async () => {
  const metrics = new MetricsRegistry();
  let broken = true;
  metrics.gauge({ name: 'value', help: 'A value.' }, () => {
    if (broken) throw new Error('not now');
    return 1;
  });
  const address = await serve(metrics);
  expect((await fetch(`${address}/metrics`)).status).toBe(500);
  broken = false;
  expect((await fetch(`${address}/metrics`)).status).toBe(200);
});

test('a Unix socket does as well', async () => {
  const socketPath = join(await temporaryFolder(), 'metrics.sock');
  expect(await serve(new MetricsRegistry(), `unix:${socketPath}`)).toBe(`unix:${socketPath}`);
  const status = await new Promise((resolve, reject) => {
    request({ socketPath, path: '/metrics' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
  expect(status).toBe(200);
});
