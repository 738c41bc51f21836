import { startWorker, workerConfig, workerHeapGrowthPercent } from '@offramp/cloud-worker';
import { createLogger, setHeapGrowth } from '@offramp/runtime';
import type { Command } from 'commander';
import { configCommand } from '../config-command.js';
import { runService } from '../service.js';

export function workerCommand(): Command {
  return configCommand(
    'worker',
    'Answer samples that devices offload, over gRPC',
    workerConfig,
    async (config) => {
      setHeapGrowth(workerHeapGrowthPercent);
      await runService(
        () => startWorker(config, createLogger('worker', config.logLevel)),
        (worker) => {
          console.log(`listening on ${worker.address}`);
          if (worker.metricsAddress) console.log(`metrics at ${worker.metricsAddress}/metrics`);
        },
      );
    },
  );
}
