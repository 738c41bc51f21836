// Models where a sample spends its time: the device's stages, a link, and workers of limited capacity.
import { exitCosts } from '@offramp/bundle';

const overheadMs = 1;
const deviceMsOfBackbone = 20;
const linkMs = 25;
const workerMsOfBackbone = 10;
/** Standard deviation of a delay's logarithm. */
const spread = 0.3;
/** Waiting times grow up to this; beyond it, samples are refused. */
const maxUtilisation = 0.95;

export class CloudModel {
  /** Offered work over capacity. */
  utilisation = 0;
  #costs;
  #deviceStages;

  constructor(manifest) {
    this.#costs = exitCosts(manifest);
    this.#deviceStages = manifest.deviceStages;
  }

  /** Milliseconds from a sample's arrival to its answer, by its exit. */
  latencyMs(exit, offloaded, random) {
    const onDevice = overheadMs + deviceMsOfBackbone * this.#costs[Math.min(exit, this.#deviceStages - 1)];
    const waiting = 1 / (1 - Math.min(maxUtilisation, this.utilisation));
    const beyond = offloaded ? linkMs + 1_000 * this.workerSeconds(exit) * waiting : 0;
    return (onDevice + beyond) * Math.exp(spread * random.normal());
  }

  /** Seconds of an inference thread that a sample takes if it ends at this exit in the cloud. */
  workerSeconds(exit) {
    const beyond = Math.max(0, this.#costs[exit] - this.#costs[this.#deviceStages - 1]);
    return (workerMsOfBackbone * beyond) / 1_000;
  }

  /** Whether workers refuse a sample: they refuse the share that exceeds their capacity. */
  refuses(random) {
    return this.utilisation > 1 && random.uniform() > 1 / this.utilisation;
  }
}
