import { readableText } from '@offramp/runtime';

/** A value as JSON that a terminal can print, even if it contains control characters. */
export function jsonText(value: unknown, indent = 0): string {
  return readableText(JSON.stringify(value, null, indent));
}
