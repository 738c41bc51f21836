// A worker in a separate process, so that its processor time and memory are measured alone.
import { startWorker, workerConfig, workerHeapGrowthPercent } from '@offramp/cloud-worker';
import { createLogger, resolveConfig, setHeapGrowth } from '@offramp/runtime';
import { serve } from './child.mjs';

// As `offramp worker` does.
setHeapGrowth(workerHeapGrowthPercent);

let worker;
serve({
  async start({ options }) {
    const flags = { listen: '127.0.0.1:0', statsIntervalMs: 0, ...options };
    worker = await startWorker(
      await resolveConfig(workerConfig, flags, {}),
      createLogger('worker', process.env.BENCH_LOG ?? 'silent'),
    );
    return { address: worker.address };
  },
  usage() {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    const memory = { rss, heapUsed, external, arrayBuffers };
    return { cpuSeconds: (user + system) / 1e6, memory, counts: worker.stats.counts() };
  },
});
process.once('disconnect', async () => {
  await worker?.stop();
  process.exit();
});
