import { z } from 'zod';

/** Longest time that an option can ask for, in milliseconds: 24 days. A timer of Node.js makes 1 ms of 25. */
export const maxDurationMs = 24 * 86_400_000;

const millisecondsOf = { milliseconds: 1, minutes: 60_000 } as const;

export interface DurationBounds {
  /** Default `milliseconds`. The option's name says it. */
  unit?: keyof typeof millisecondsOf;
  /** In that unit. Default 0. */
  min?: number;
  /** In that unit. Default, and at most, {@link maxDurationMs}. */
  max?: number;
  /** Whether parts of the unit can be given. Default: whole numbers only. */
  fraction?: boolean;
}

/** An option that is a time. */
export function duration(bounds: DurationBounds = {}) {
  const { unit = 'milliseconds', min = 0, max = Number.POSITIVE_INFINITY, fraction = false } = bounds;
  const number = fraction ? z.number() : z.number().int();
  return number.min(min).max(Math.min(max, maxDurationMs / millisecondsOf[unit]));
}
