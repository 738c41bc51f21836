import { z } from 'zod';
import { logLevels } from '../logs/logging.js';
import { natsServersSchema } from './nats-servers.js';

/** Options that mean the same in every program. */
export const commonOptions = {
  nats: natsServersSchema
    .default('nats://127.0.0.1:4222')
    .describe(
      'NATS servers, separated by commas, with credentials where asked for: nats://user:password@host',
    ),
  logLevel: z.enum(logLevels).default('info').describe('What to log, as JSON lines on standard error'),
};

/** A TCP port; 0 takes a free one. */
export const portSchema = z.number().int().min(0).max(65_535);
