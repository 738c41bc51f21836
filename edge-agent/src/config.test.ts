import { resolveConfig } from '@offramp/runtime';
import { expect, test } from 'vitest';
import { agentConfig } from './config.js';

test('flags and environment are merged into one object; invalid values are named', async () => {
  const environment = { OFFRAMP_AGENT_DEVICE_STAGES: '3', OFFRAMP_AGENT_BUNDLE: '/bundle' };
  const config = await resolveConfig(agentConfig, { rate: '2.5' }, environment);
  expect(config).toMatchObject({ bundle: '/bundle', rate: 2.5, deviceStages: 3, maxInFlight: 64 });
  await expect(resolveConfig(agentConfig, { shard: 'half' }, {})).rejects.toThrow(/--shard: expected i\/n/);
  await expect(resolveConfig(agentConfig, { maxInFlight: '0' }, {})).rejects.toThrow(/--max-in-flight/);
});
