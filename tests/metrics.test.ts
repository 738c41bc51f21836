import { readFile } from 'node:fs/promises';
import { startNatsServer } from '@offramp/contracts/testing';
import { parser } from '@prometheus-io/lezer-promql';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { agentArguments, CommandLine, startedWorker } from './support/command-line.js';
import { bundlePath, picturesPath } from './support/example.js';

const programs = ['controller', 'worker', 'agent'] as const;
type Program = (typeof programs)[number];

interface Metric {
  name: string;
  type: string;
  help: string;
  /** Names of labels of each series, sorted; of a histogram without `le`. */
  series: string[][];
}

/** Reads Prometheus' text format. */
function readMetrics(text: string): Map<string, Metric> {
  const found = new Map<string, Metric>();
  for (const line of text.split('\n')) {
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    if (help?.[1] && help[2]) found.set(help[1], { name: help[1], type: '', help: help[2], series: [] });
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    const typed = found.get(type?.[1] ?? '');
    if (typed && type?.[2]) typed.type = type[2];
    const sample = /^([a-z_]+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!sample?.[1]) continue;
    expect(Number.isFinite(Number(sample[3])), line).toBe(true);
    const metric = found.get(sample[1]) ?? found.get(sample[1].replace(/_(bucket|sum|count)$/, ''));
    const labels = [...(sample[2] ?? '').matchAll(/(\w+)="/g)].map(([, label = '']) => label);
    metric?.series.push(labels.filter((label) => label !== 'le').sort());
  }
  return found;
}

/** The sum of a metric's series. */
const totalOf = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );

async function scrape(address: string): Promise<string> {
  const response = await fetch(`${address}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  return response.text();
}

/** The tables of docs/metrics.md. */
async function describedMetrics() {
  const text = await readFile(new URL('../docs/metrics.md', import.meta.url), 'utf8');
  return [...text.matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$/gm)].map(
    ([, name = '', type = '', labels = '', help = '']) => ({
      ...{ name, type, help },
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).sort(),
    }),
  );
}

/** What an expression of the dashboard asks for. Its variables are filled in as Grafana does. */
function readExpression(expression: string): { metrics: string[]; labels: string[] } {
  const query = expression
    .replace(/^label_values\((\w+), (\w+)\)$/, 'max by ($2) ($1)')
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$group', '.*');
  const metrics: string[] = [];
  const labels: string[] = [];
  parser.parse(query).iterate({
    enter: ({ type, from, to, node }) => {
      expect(type.isError, `syntax of ${query} at ${from}`).toBe(false);
      const text = query.slice(from, to);
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') metrics.push(text);
      if (type.name === 'LabelName') labels.push(text);
    },
  });
  return { metrics, labels };
}

const texts = new Map<Program, string>();
const metricsOf = (program: Program) => readMetrics(texts.get(program) ?? '');

describe('metrics of the programs at work', () => {
  beforeEach(async () => {
    if (texts.size > 0) return;
    const nats = await startNatsServer();
    onTestFinished(() => nats.stop());
    const controller = new CommandLine('controller', '--nats', nats.url, '--listen', '127.0.0.1:0');
    const [, controllerAddress = ''] = await controller.output(/HTTP API at (\S+)$/m);
    const { worker, address } = await startedWorker(
      bundlePath,
      ...['--nats', nats.url, '--name', 'worker-1', '--report-interval-ms', '100'],
      ...['--metrics-listen', '127.0.0.1:0'],
    );
    const [, workerAddress = ''] = await worker.output(/^metrics at (\S+)\/metrics$/m);
    const agent = new CommandLine(
      ...agentArguments(bundlePath, '--nats', nats.url, '--source', picturesPath, '--loop', '--rate', '100'),
      ...['--device-stages', '1', '--cloud', address, '--group', 'cameras', '--answers', 'none'],
      ...['--telemetry-interval-ms', '100', '--metrics-listen', '127.0.0.1:0'],
    );
    const [, agentAddress = ''] = await agent.output(/"address":"([^"]+)","msg":"metrics are at/);
    await vi.waitFor(
      async () => {
        texts.set('controller', await scrape(controllerAddress));
        texts.set('worker', await scrape(workerAddress));
        texts.set('agent', await scrape(agentAddress));
        const offloaded = totalOf(texts.get('controller') ?? '', 'offramp_fleet_offloaded_samples_total');
        expect(offloaded).toBeGreaterThan(0);
        expect(texts.get('controller')).toContain('offramp_fleet_workers 1');
      },
      { timeout: 60_000, interval: 100 },
    );
  });

  it('add up', () => {
    const agent = texts.get('agent') ?? '';
    const answered = totalOf(agent, 'offramp_agent_samples_total');
    expect(totalOf(agent, 'offramp_agent_latency_seconds_count')).toBe(answered);
    expect(answered).toBeGreaterThanOrEqual(
      totalOf(texts.get('controller') ?? '', 'offramp_fleet_samples_total'),
    );
    expect(agent).toContain('offramp_agent_link_up{link="cloud"} 1');
    const worker = texts.get('worker') ?? '';
    expect(totalOf(worker, 'offramp_worker_stage_samples_total')).toBe(
      totalOf(worker, 'offramp_worker_batch_samples_sum'),
    );
    expect(totalOf(worker, 'offramp_worker_answered_samples_total')).toBeGreaterThan(0);
  });

  it.each(programs)('of the %s have names as Prometheus wants them, and name no device', (program) => {
    for (const { name, type, help, series } of metricsOf(program).values()) {
      expect(name).toMatch(new RegExp(`^(offramp_${program}|offramp_fleet|process)_[a-z_]+$`));
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(help, name).toMatch(/\.$/);
      expect(series.flat(), name).not.toContain('device');
    }
  });

  it('are those of docs/metrics.md', async () => {
    const described = await describedMetrics();
    const shown = new Map(programs.flatMap((program) => [...metricsOf(program)]));
    expect(described.map(({ name }) => name).sort()).toEqual([...shown.keys()].sort());
    for (const { name, type, help, labels } of described) {
      expect(shown.get(name)).toMatchObject({ type, help });
      for (const series of shown.get(name)?.series ?? []) expect(series, name).toEqual(labels);
    }
  });

  it('are all that the Grafana dashboard asks for, with labels that they have', async () => {
    const text = await readFile(new URL('../deploy/grafana/offramp.json', import.meta.url), 'utf8');
    const expressions = [...text.matchAll(/"(?:expr|definition)": "((?:[^"\\]|\\.)*)"/g)].map(
      ([, expression]) => JSON.parse(`"${expression}"`) as string,
    );
    expect(expressions.length).toBeGreaterThan(20);
    const labelsOf = new Map((await describedMetrics()).map(({ name, labels }) => [name, labels]));
    for (const expression of expressions) {
      const { metrics, labels } = readExpression(expression);
      expect(metrics.length, expression).toBeGreaterThan(0);
      const known = new Set(['le', 'job', 'instance']);
      for (const name of metrics) {
        const described = labelsOf.get(name) ?? labelsOf.get(name.replace(/_(bucket|sum|count)$/, ''));
        expect(described, `${name} in ${expression}`).toBeDefined();
        for (const label of described ?? []) known.add(label);
      }
      for (const label of labels) expect(known, expression).toContain(label);
    }
  });
});
