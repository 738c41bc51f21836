import { z } from 'zod';
import { addBundleInput } from '../../operations/bundles.js';
import { count } from './fields.js';
import { named } from './schema-registry.js';

named('PostBundle', addBundleInput);

export const addedBundleSchema = named(
  'AddedBundle',
  z.object({
    digest: z.string().describe('SHA-256 of the manifest, in hexadecimal digits'),
    name: z.string(),
    samples: count.describe('Held-out samples of the calibration table'),
  }),
);
