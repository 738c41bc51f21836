import { z } from 'zod';

/** Limits of the author and reason of a change, in characters. */
export const maxAuthorLength = 100;
export const maxReasonLength = 500;
/** Entries of a page of a list. */
export const maxPageSize = 500;
export const defaultPageSize = 100;
/** Limit of a request that adds a bundle, with manifest and calibration table, in bytes. */
export const maxBundleBytes = 64 * 2 ** 20;

const textUpTo = (characters: number) =>
  z
    .string()
    .max(characters, {
      error: ({ input }) =>
        `expected at most ${characters} characters; found ${typeof input === 'string' ? input.length : 'none'}`,
    })
    .default('');

const author = textUpTo(maxAuthorLength).describe('Author of the change');
const reason = textUpTo(maxReasonLength).describe('Why');

const requestId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "expected 1 to 64 letters, digits, '_' or '-'")
  .optional()
  .describe('A change is made only once per request ID. Absent: a new one');

/** Fields of every change: author, reason and request ID. */
export const changeFields = { author, reason, requestId };
