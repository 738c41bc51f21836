import type { Writable } from 'node:stream';
import {
  Bundle,
  type Clock,
  type ConfigOf,
  checkName,
  hostName,
  type Logger,
  OfframpError,
  parseListenAddress,
  setHeapGrowth,
  systemClock,
} from '@offramp/shared';
import type { agentConfig } from './config.js';
import { RunningAgent } from './running-agent.js';
import { DatasetSource } from './source/dataset-source.js';
import { parseShard } from './source/selection.js';
import type { AgentStatus } from './status.js';

/** Enough to spare most whole collections, and a few MiB more on a small device. */
const heapGrowthPercent = 300;

export type AgentConfig = ConfigOf<typeof agentConfig>;

/** What the agent uses of the world around it. */
export interface AgentSurroundings {
  /** Where answers go with `answers: '-'`. */
  output: Writable;
  clock?: Clock;
  /** In [0, 1); for the jitter of waits. */
  random?: () => number;
}

/** A running agent. */
export interface Agent {
  /** Settles when the agent has ended, by itself or after `stop`; rejects if it failed. */
  readonly done: Promise<void>;
  /** Takes no new samples, answers those in flight, and ends. May be called more than once. */
  stop(): Promise<void>;
  /** `http://host:port` or `unix:/path`, where the HTTP API listens; `null` without one. */
  readonly httpAddress: string | null;
  /** `http://host:port` or `unix:/path`, where metrics alone are listened for; `null` without. */
  readonly metricsAddress: string | null;
  status(): AgentStatus;
}

/**
 * Starts an agent.
 * @throws OfframpError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`, `DATA_NOT_FOUND`,
 *   `DATA_INVALID`, `OUTPUT_FAILED`, `INFERENCE_FAILED`, `PORT_IN_USE`, `LISTEN_FAILED`. That NATS or the worker
 *   is not there is no error.
 */
export async function startAgent(
  config: AgentConfig,
  logger: Logger,
  surroundings: AgentSurroundings,
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
  setHeapGrowth(heapGrowthPercent);
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
  const agent = new RunningAgent({
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
  await agent.start();
  return agent;
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
