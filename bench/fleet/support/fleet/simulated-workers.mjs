// Workers of a simulated fleet: their load follows from what devices send, and they report it as real workers do.
import { randomUUID } from 'node:crypto';
import { v1, workerSubject } from '@offramp/contracts';

const reportMs = 2_000;
const name = 'simulated-worker';

export class SimulatedWorkers {
  /** One entry per report: utilisation, and the end of the reported time. */
  history = [];
  #fleet;
  #cloud;
  #threads;
  #bundle;
  #bootId = randomUUID();
  #sequence = 0;
  /** Since the last report: work by stage, answered and refused samples. */
  #work = new Map();
  #answered = 0;
  #refused = 0;
  #offeredSeconds = 0;
  #since = performance.now();
  #timer;

  /**
   * @param fleet a `SimulatedFleet`
   * @param cloud its `CloudModel`, which is told the workers' utilisation
   * @param threads capacity, in seconds of inference per second; may be a fraction
   */
  constructor(fleet, cloud, bundle, threads) {
    this.#fleet = fleet;
    this.#cloud = cloud;
    this.#bundle = bundle;
    this.#threads = threads;
    fleet.onWindow((_, outcomes) => this.#count(outcomes));
    this.#timer = setInterval(() => this.#report(), reportMs);
  }

  stop() {
    clearInterval(this.#timer);
  }

  #count(outcomes) {
    const { branches, manifest } = this.#bundle;
    for (const { exit, offloaded, degraded } of outcomes) {
      if (!offloaded) continue;
      // How far a refused sample would have run is unknown; assume to the end.
      this.#offeredSeconds += this.#cloud.workerSeconds(degraded ? branches : exit);
      if (degraded) {
        this.#refused++;
        continue;
      }
      this.#answered++;
      for (let stage = manifest.deviceStages; stage <= exit; stage++) {
        const work = this.#work.get(stage) ?? { samples: 0, seconds: 0 };
        this.#work.set(stage, work);
        work.samples++;
        work.seconds += this.#cloud.workerSeconds(stage) - this.#cloud.workerSeconds(stage - 1);
      }
    }
  }

  #report() {
    const now = performance.now();
    const windowMs = now - this.#since;
    const utilisation = this.#offeredSeconds / (this.#threads * (windowMs / 1_000));
    this.#cloud.utilisation = utilisation;
    this.history.push({ at: now, utilisation });
    const report = {
      ...{ worker: name, bootId: this.#bootId, sequence: ++this.#sequence, version: 'simulated' },
      windowMs: Math.round(windowMs),
      threads: Math.max(1, Math.round(this.#threads)),
      ...{ utilisation, answered: this.#answered, refused: this.#refused },
      ...{ queued: 0, maxQueue: 512, streams: this.#fleet.devices.length },
      stages: [...this.#work].map(([stage, work]) => ({
        bundleDigest: this.#bundle.digestBytes,
        stage,
        ...work,
      })),
    };
    this.#fleet.link.bus.publish(workerSubject(name), v1.WorkerReport.encode(report).finish());
    this.#work.clear();
    this.#answered = this.#refused = this.#offeredSeconds = 0;
    this.#since = now;
  }
}
