import { z } from 'zod';
import { deviceSchema } from './devices.js';
import { evidenceSchema } from './evidence.js';
import { named } from './schema-registry.js';

export const deviceDetailSchema = named(
  'DeviceDetail',
  z.object({ device: deviceSchema, evidence: evidenceSchema }),
);

export type ApiDeviceDetail = z.output<typeof deviceDetailSchema>;
