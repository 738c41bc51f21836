import { readableText } from '@offramp/runtime';

/** A value as JSON that a terminal shows as it is, whatever names are in it. */
export function jsonText(value: unknown, indent = 0): string {
  return readableText(JSON.stringify(value, null, indent));
}
