import { z } from 'zod';

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in lower-case hexadecimal');

/** A file of the bundle, by its path relative to the manifest. */
export const fileSchema = z.strictObject({
  path: z
    .string()
    .regex(
      /^(?!\.{1,2}(\/|$))[\w.-]+(\/(?!\.{1,2}(\/|$))[\w.-]+)*$/,
      'expected a relative path below the bundle',
    ),
  bytes: z
    .number()
    .int()
    .nonnegative()
    .max(2 ** 31),
  sha256,
});

export type BundleFile = z.infer<typeof fileSchema>;
