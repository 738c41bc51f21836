/** What a number may be, in numbers and in words. */
export interface NumberLimit {
  expected: string;
  /** Exclusive. */
  above?: number;
  least?: number;
  below?: number;
  most?: number;
}

/** Of the numbers of goals; the names are those of `Goal` in the HTTP API. */
export const goalLimits = {
  floor: { expected: 'a share in (0, 1), such as 0.98', above: 0, below: 1 },
  ceiling: { expected: 'a share from 0 to 1, such as 0.2', least: 0, most: 1 },
  perSecond: { expected: 'seconds per second, from 0 to 1000000', least: 0, most: 1_000_000 },
  targetMs: { expected: 'milliseconds above 0, up to an hour', above: 0, most: 3_600_000 },
  quantile: { expected: 'a share in (0, 1), such as 0.95', above: 0, below: 1 },
} as const satisfies Record<string, NumberLimit>;

/** What is wrong with a number, in words; `null`: nothing. */
export function beyondLimit(limit: NumberLimit, value: number): string | null {
  const { above = Number.NEGATIVE_INFINITY, least = Number.NEGATIVE_INFINITY } = limit;
  const { below = Number.POSITIVE_INFINITY, most = Number.POSITIVE_INFINITY } = limit;
  return value > above && value >= least && value < below && value <= most
    ? null
    : expectedFound(limit.expected, value);
}

/** @param found anything that JSON can hold; what is long is cut off */
export function expectedFound(expected: string, found: unknown): string {
  return `expected ${expected}; found ${shown(found)}`;
}

const maxShownLength = 60;

function shown(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (typeof found === 'number') return String(found);
  const text = JSON.stringify(found) ?? typeof found;
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;
}
