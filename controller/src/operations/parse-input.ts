import { type ErrorCode, OfframpError, shortText } from '@offramp/runtime';
import type { z } from 'zod';

/** Of unknown keys in an error. */
const maxKeysLength = 200;

/**
 * Validates the input of an operation.
 * @param where names it in errors, such as `body`
 * @throws OfframpError `code`, `REQUEST_INVALID` by default
 */
export function parseInput<S extends z.ZodObject>(
  where: string,
  schema: S,
  value: unknown,
  code: ErrorCode = 'REQUEST_INVALID',
): z.output<S> {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const field = [where, ...issue.path].join('.');
    if (issue.code === 'unrecognized_keys' && issue.path.length === 0) {
      const known = Object.keys(schema.shape).join(', ') || 'nothing';
      return `${field}: expected ${known}; found ${shortText(issue.keys.join(', '), maxKeysLength)}`;
    }
    return `${field}: ${issue.message.replace(/^Invalid input: /, '')}`;
  });
  throw new OfframpError(code, problems.join('; '));
}
