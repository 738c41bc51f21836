import { workerSubjects } from '@offramp/contracts';
import { type Clock, isDoubling, type Logger } from '@offramp/runtime';
import type { NatsConnection, Subscription } from 'nats';
import type { WorkerRegister } from './register/worker-register.js';

/** Adds workers' reports to the register from now on; earlier ones are outdated. Ends with the connection. */
export function followWorkers(
  bus: NatsConnection,
  register: WorkerRegister,
  clock: Clock,
  logger: Logger,
): Subscription {
  return bus.subscribe(workerSubjects, {
    callback: (error, { subject, data }) => {
      if (error) {
        logger.warn({ error: error.message }, 'cannot receive workers’ reports');
        return;
      }
      const sender = subject.slice(subject.lastIndexOf('.') + 1);
      const applied = register.apply(data, clock.now(), sender);
      if (applied === 'invalid' || applied === 'full') {
        const total = register.counts[applied];
        if (isDoubling(total)) {
          logger.warn({ subject, total }, `a worker's report was dropped: ${dropped[applied]}`);
        }
      }
    },
  });
}

const dropped = { invalid: 'it is malformed, or has impossible values', full: 'there are too many workers' };
