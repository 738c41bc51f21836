import { z } from 'zod';
import { logLevels } from '../logs/logging.js';

/** Options that mean the same in every program. */
export const commonOptions = {
  logLevel: z.enum(logLevels).default('info').describe('What to log, as JSON lines on standard error'),
};

/** A TCP port; 0 takes a free one. */
export const portSchema = z.number().int().min(0).max(65_535);
