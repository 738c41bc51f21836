import { z } from 'zod';
import { parseBundleJson } from '../manifest/parse-json.js';

const bits = z.string().regex(/^[01]*$/, 'expected a string of 0 and 1');

const tableSchema = z
  .strictObject({
    samples: z.number().int().nonnegative(),
    /** Per branch, in order. */
    branches: z.array(
      z.strictObject({
        /** One per sample, in [0, 1]. */
        confidence: z.array(z.number().min(0).max(1)),
        /** One character per sample: whether the branch gives the backbone's answer. */
        agrees: bits,
      }),
    ),
    /**
     * Where samples reach the final exit behind a codec with losses: one character per sample, whether it gives the
     * backbone's answer then. Default: it does.
     */
    finalAgrees: bits.optional(),
    /** Whether each exit (the final one last) gives the true label; `null` if labels are unknown. */
    correct: z.array(bits).nullable(),
  })
  .superRefine((table, context) => {
    const lengths = [
      ...table.branches.flatMap((branch) => [branch.confidence.length, branch.agrees.length]),
      ...(table.correct ?? []).map((exit) => exit.length),
      ...(table.finalAgrees === undefined ? [] : [table.finalAgrees.length]),
    ];
    const wrong = lengths.find((length) => length !== table.samples);
    if (wrong !== undefined) {
      context.addIssue({
        code: 'custom',
        message: `expected ${table.samples} samples everywhere, found ${wrong}`,
      });
    }
    if (table.correct && table.correct.length !== table.branches.length + 1) {
      context.addIssue({ code: 'custom', path: ['correct'], message: 'expected one entry per exit' });
    }
  });

/** Per held-out sample and exit: its confidence and whether it agreed with the backbone. */
export type CalibrationTable = z.infer<typeof tableSchema>;

/** @throws OfframpError `BUNDLE_INVALID` */
export function parseCalibrationTable(text: string, where: string): CalibrationTable {
  return parseBundleJson(tableSchema, text, where, 'calibration table');
}
