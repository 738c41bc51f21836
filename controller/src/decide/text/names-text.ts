import { countText } from './count-text.js';

const maxNames = 5;

/** A list of names as text, of which only the first are named: `a, b, c, d, e and 3 more`. */
export function namesText(names: readonly string[]): string {
  const shown = names.slice(0, maxNames).join(', ');
  return names.length > maxNames ? `${shown} and ${countText(names.length - maxNames)} more` : shown;
}
