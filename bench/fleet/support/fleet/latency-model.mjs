// How long answers take: a device's own stages, and for samples that go on a link and a worker that may be busy.
import { exitCosts } from '@offramp/shared';

const overheadMs = 1;
const deviceMsOfBackbone = 20;
const linkMs = 25;
const workerMsOfBackbone = 10;
/** Standard deviation of the logarithm. */
const spread = 0.3;

/**
 * @param load workers' utilisation now, in [0, ∞); at 1 and above they refuse, and waits do not grow any more
 * @returns milliseconds from arrival to answer, by the exit at which a sample leaves
 */
export function latencyModel(manifest, load = () => 0) {
  const costs = exitCosts(manifest);
  const { deviceStages } = manifest;
  return (exit, inCloud, random) => {
    const onDevice = overheadMs + deviceMsOfBackbone * costs[Math.min(exit, deviceStages - 1)];
    const busy = Math.min(0.95, load());
    const beyond = inCloud
      ? linkMs + (workerMsOfBackbone * (costs[exit] - costs[deviceStages - 1])) / (1 - busy)
      : 0;
    return (onDevice + beyond) * Math.exp(spread * random.normal());
  };
}
