import { maxDurationMs, OfframpError, quoted } from '@offramp/runtime';

const bitsPerSecond: ReadonlyMap<string, number> = new Map([
  ['bit', 1],
  ['kbit', 1e3],
  ['mbit', 1e6],
  ['gbit', 1e9],
]);

/** Per second. */
const maxBits = 1e15;

const millisecondsOf: ReadonlyMap<string, number> = new Map([
  ['us', 1e-3],
  ['ms', 1],
  ['s', 1e3],
]);

/**
 * Reads a bandwidth in the notation of `tc`: `500kbit`, `2mbit`, `1.5 Mbit/s`.
 * @returns bytes per second
 * @throws OfframpError `CONFIG_INVALID`
 */
export function parseBandwidth(option: string, text: string): number {
  const bits = parse(option, text.replace(/\/s$/i, ''), bitsPerSecond, 'a bandwidth like 500kbit or 2mbit');
  if (bits <= 0 || bits > maxBits) throw wrong(option, text, 'a bandwidth above 0, up to 1000000 gbit');
  return bits / 8;
}

/**
 * Reads a duration: `40ms`, `0.5s`, `800us`.
 * @returns milliseconds
 * @throws OfframpError `CONFIG_INVALID`
 */
export function parseDuration(option: string, text: string): number {
  const milliseconds = parse(option, text, millisecondsOf, 'a time like 40ms or 0.5s');
  if (milliseconds > maxDurationMs) throw wrong(option, text, `a time up to ${maxDurationMs} ms`);
  return milliseconds;
}

function parse(option: string, text: string, units: ReadonlyMap<string, number>, expected: string): number {
  const [, number = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = units.get(unit.toLowerCase());
  if (number === '' || factor === undefined) {
    const known = [...units.keys()].join(', ');
    throw wrong(option, text, `${expected}, with a unit of ${known}`);
  }
  return Number(number) * factor;
}

const wrong = (option: string, text: string, expected: string) =>
  new OfframpError('CONFIG_INVALID', `${option}: expected ${expected}; found ${quoted(text)}`);
