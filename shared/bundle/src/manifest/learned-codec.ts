import { z } from 'zod';
import { fileSchema } from './bundle-file.js';

/** Frequencies of a table are shares of 2^14. */
export const frequencyBits = 14;
/** Symbols of a table are told apart by a byte. */
const maxTableSymbols = 256;
const maxTables = 1024;
/** Symbols of one sample. */
const maxCodeSymbols = 2 ** 20;

/** How often each symbol occurs, among consecutive symbols of a code that follow one distribution. */
const symbolTableSchema = z.strictObject({
  /** How many symbols of a code follow it. */
  symbols: z.number().int().min(1).max(maxCodeSymbols),
  lowest: z
    .number()
    .int()
    .min(-(2 ** 15))
    .max(2 ** 15),
  /** Of the symbols from the lowest on; shares of 2^14. */
  frequencies: z
    .array(
      z
        .number()
        .int()
        .min(1)
        .max(2 ** frequencyBits),
    )
    .min(1)
    .max(maxTableSymbols)
    .refine((values) => values.reduce((sum, value) => sum + value, 0) === 2 ** frequencyBits, {
      message: `expected frequencies with the sum ${2 ** frequencyBits}`,
    }),
});

/** A trained encoder on the device and decoder on the worker, with a code of whole numbers between them. */
export const learnedCodecSchema = z.strictObject({
  /** From the activation to the code: input `activation`, output `code`. */
  encoder: fileSchema,
  /** From the code to the activation: input `code`, output `activation`. */
  decoder: fileSchema,
  /** Of the code's symbols, in order. */
  tables: z
    .array(symbolTableSchema)
    .min(1)
    .max(maxTables)
    .refine((tables) => tables.reduce((sum, { symbols }) => sum + symbols, 0) <= maxCodeSymbols, {
      message: `expected at most ${maxCodeSymbols} symbols in a code`,
    }),
  /** Multiply-accumulates for one sample. */
  encoderMacs: z.number().int().nonnegative(),
  decoderMacs: z.number().int().nonnegative(),
  /** As in `codec`. */
  meanBytes: z.number().nonnegative(),
  agreement: z.number().min(0).max(1),
  agreementLost: z.number().min(0).max(1),
});

export type SymbolTable = z.infer<typeof symbolTableSchema>;
export type LearnedCodecManifest = z.infer<typeof learnedCodecSchema>;
