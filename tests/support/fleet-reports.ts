import { Lifecycle, telemetrySubject, v1, workerSubject } from '@offramp/contracts';
import type { NatsConnection } from 'nats';

/** Reports of devices and workers that do not run. */
export class FleetReports {
  private sequence = 0;

  constructor(private readonly bus: NatsConnection) {}

  /** A device's report. @param message replaces fields of it. @param state replaces fields of its state */
  async ofDevice(group: string, device: string, message: object = {}, state: object = {}): Promise<void> {
    const report = {
      ...{ device, group, bootId: 'boot', sequence: ++this.sequence, windowMs: 100 },
      state: {
        ...{ lifecycle: Lifecycle.LIFECYCLE_RUNNING, bundleDigest: Buffer.alloc(32, 7), agentVersion: '1' },
        ...{ bundleName: 'shoes', branches: 2, deviceStages: 2, ...state },
      },
      window: { samples: 3, exits: [1, 1, 1] },
      ...message,
    };
    await this.bus
      .jetstream()
      .publish(telemetrySubject(group, device), v1.TelemetryReport.encode(report).finish());
  }

  /** A worker's report. @param message replaces fields of it */
  ofWorker(worker: string, message: object = {}): void {
    const report = { worker, bootId: 'boot', sequence: ++this.sequence, windowMs: 100, threads: 1 };
    this.bus.publish(workerSubject(worker), v1.WorkerReport.encode({ ...report, ...message }).finish());
  }
}
