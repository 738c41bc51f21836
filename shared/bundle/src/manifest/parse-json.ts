import { OfframpError, shortText } from '@offramp/runtime';
import type { z } from 'zod';

const shownIssues = 5;
/** A message may quote an unknown key. */
const maxIssueLength = 150;

/**
 * Reads one of a bundle's JSON files.
 * @param what the kind of file, for messages
 * @throws OfframpError `BUNDLE_INVALID` with the fields that are wrong
 */
export function parseBundleJson<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  where: string,
  what: string,
): z.infer<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new OfframpError('BUNDLE_INVALID', `${where} is not JSON`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues
    .slice(0, shownIssues)
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .map((issue) => shortText(issue, maxIssueLength));
  throw new OfframpError('BUNDLE_INVALID', `${where} is not a ${what}: ${issues.join('; ')}`);
}
