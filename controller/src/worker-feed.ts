import { type Clock, type Logger, workerSubjects } from '@offramp/shared';
import type { NatsConnection, Subscription } from 'nats';
import type { WorkerRegister } from './register/worker-register.js';

/** Workers' reports into the register, from now on: what was said before is nobody's news any more. Ends with the connection. */
export function followWorkers(
  bus: NatsConnection,
  register: WorkerRegister,
  clock: Clock,
  logger: Logger,
): Subscription {
  return bus.subscribe(workerSubjects, {
    callback: (error, { subject, data }) => {
      if (error) {
        logger.warn({ error: error.message }, 'cannot hear workers');
        return;
      }
      const sender = subject.slice(subject.lastIndexOf('.') + 1);
      const applied = register.apply(data, clock.now(), sender);
      if (applied === 'invalid' || applied === 'full') {
        const total = register.counts[applied];
        // At the 1st, 2nd, 4th, 8th …, so that one bad worker cannot flood the log.
        if (Number.isInteger(Math.log2(total))) {
          logger.warn({ subject, total }, `a worker's report was dropped: ${dropped[applied]}`);
        }
      }
    },
  });
}

const dropped = { invalid: 'it is none, or says what cannot be', full: 'there are too many workers' };
