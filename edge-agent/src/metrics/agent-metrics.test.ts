import { expect, test, vi } from 'vitest';
import { answeredResult } from '../testing/results.js';
import { startTestAgent } from '../testing/test-agent.js';
import { AgentMetrics } from './agent-metrics.js';

const soon = { timeout: 60_000, interval: 10 };
const scrape = async (address: string | null) => (await fetch(`${address}/metrics`)).text();

test('the HTTP API and the metrics listener serve the same counts', async () => {
  const agent = await startTestAgent({ listen: '127.0.0.1:0', metricsListen: '127.0.0.1:0' });
  const body = Buffer.from('no picture');
  const headers = { 'content-type': 'image/png' };
  const reply = await fetch(`${agent.httpAddress}/v1/classify`, { method: 'POST', body, headers });
  expect(reply.status).toBe(400);
  for (const address of [agent.httpAddress, agent.metricsAddress]) {
    const text = await scrape(address);
    expect(text).toContain('\nofframp_agent_failed_samples_total 1\n');
    expect(text).toContain('\nofframp_agent_samples_total{exit="final"} 0\n');
    // It has neither worker nor NATS: no links, no reports.
    expect(text).not.toMatch(/^offramp_agent_(link_up|telemetry_backlog_reports)[ {]/m);
  }
  await agent.stop();
  await expect(scrape(agent.metricsAddress)).rejects.toThrow();
});

test('an agent without an HTTP API serves metrics', async () => {
  const agent = await startTestAgent({ loop: true, rate: 200, metricsListen: '127.0.0.1:0' });
  await vi.waitFor(
    async () =>
      expect(await scrape(agent.metricsAddress)).toMatch(/^offramp_agent_latency_seconds_count [1-9]/m),
    soon,
  );
  await agent.stop();
});

test('an agent with metrics ends with its pictures', async () => {
  const agent = await startTestAgent({ limit: 5, metricsListen: '127.0.0.1:0' });
  await agent.done;
  expect(agent.answers).toHaveLength(5);
  await expect(scrape(agent.metricsAddress)).rejects.toThrow();
});

test('answers that are late under their policy are counted', async () => {
  const agent = await startTestAgent({ listen: '127.0.0.1:0' });
  const metrics = new AgentMetrics(() => agent.status());
  for (const late of [true, true, false, null]) metrics.countResult(answeredResult(0, { late }));
  expect(await metrics.text()).toContain('\nofframp_agent_late_samples_total 2\n');
  await agent.stop();
});
