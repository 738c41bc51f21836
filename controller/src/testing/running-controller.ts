import { telemetrySubject, v1 } from '@offramp/contracts';
import { createLogger, resolveConfig } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import { controllerConfig } from '../config.js';
import { type Controller, type ControllerDependencies, startController } from '../controller.js';
import { type SampleReport, sampleReport } from './sample-report.js';

const silent = createLogger('test', 'silent');

/** Starts a controller on a real server. @param flags as from the command line */
export async function runController(
  flags: Record<string, unknown>,
  dependencies?: ControllerDependencies,
): Promise<Controller> {
  const controller = await startController(
    await resolveConfig(controllerConfig, flags, {}),
    silent,
    dependencies,
  );
  controller.done.catch(() => undefined);
  return controller;
}

/** Publishes a device's report, as an agent does. */
export async function publishReport(bus: NatsConnection, sample: SampleReport): Promise<void> {
  const report = sampleReport(sample);
  const subject = telemetrySubject(report.group ?? '', report.device ?? '');
  await bus.jetstream().publish(subject, v1.TelemetryReport.encode(report).finish(), { timeout: 1_000 });
}
