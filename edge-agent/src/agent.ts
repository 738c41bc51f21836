import type { Writable } from 'node:stream';
import { Bundle } from '@offramp/bundle';
import { checkName, hostName } from '@offramp/contracts';
import { type Clock, type Logger, OfframpError, parseListenAddress, systemClock } from '@offramp/runtime';
import type { AgentConfig } from './config.js';
import { type Agent, runAgent } from './run-agent.js';
import { DatasetSource } from './source/dataset-source.js';
import { parseShard } from './source/selection.js';

/** Dependencies of an agent besides its configuration. */
export interface AgentDependencies {
  /** Output for answers with `answers: '-'`. */
  output: Writable;
  clock?: Clock;
  /** In [0, 1); for the jitter of waits. */
  random?: () => number;
}

/**
 * Starts an agent.
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`, `DATA_NOT_FOUND`,
 *   `DATA_INVALID`, `NAME_TAKEN`, `OUTPUT_FAILED`, `INFERENCE_FAILED`, `PORT_IN_USE`, `LISTEN_FAILED`. An absent NATS server
 *   or worker is no error.
 */
export async function startAgent(
  config: AgentConfig,
  logger: Logger,
  surroundings: AgentDependencies,
): Promise<Agent> {
  const device = checkName('device', config.device ?? hostName());
  checkName('group', config.group);
  if (config.source === undefined && config.listen === undefined) {
    throw new OfframpError('CONFIG_INVALID', 'nothing to classify: expected --source, --listen or both');
  }
  for (const address of [config.listen, config.metricsListen, config.cloud]) {
    if (address !== undefined) parseListenAddress(address);
  }
  const selection = { ...parseShard(config.shard), limit: config.limit, loop: config.loop };
  const clock = surroundings.clock ?? systemClock;
  const bundle = await Bundle.open(config.bundle);
  const deviceStages = checkDeviceStages(config.deviceStages, bundle);
  const source =
    config.source === undefined
      ? null
      : await DatasetSource.open(
          bundle,
          { path: config.source, split: config.split, selection, ratePerSecond: config.rate },
          clock,
          logger,
        );
  return runAgent({
    config,
    device,
    bundle,
    deviceStages,
    source,
    logger,
    output: surroundings.output,
    clock,
    random: surroundings.random ?? Math.random,
  });
}

function checkDeviceStages(deviceStages: number | undefined, bundle: Bundle): number {
  const { stages, deviceStages: usual } = bundle.manifest;
  if (deviceStages === undefined) return usual;
  if (deviceStages > stages.length) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `deviceStages: expected at most ${stages.length}, the stages of the bundle; found ${deviceStages}`,
    );
  }
  return deviceStages;
}
