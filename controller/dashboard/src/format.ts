/** `97.3 %`, with a non-breaking space. */
export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)}\u00a0%`;
}

/** `1,234`, `12.3 k`, `4.57 M` */
export function count(value: number): string {
  if (value < 10_000) return Math.round(value).toLocaleString('en');
  for (const [unit, size] of [
    ['k', 1e3],
    ['M', 1e6],
    ['G', 1e9],
  ] as const) {
    if (value < 999.5 * size || unit === 'G') return `${Number((value / size).toPrecision(3))} ${unit}`;
  }
  return String(value);
}

/** `512 B`, `1.5 MiB` */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${Number((value / 2 ** (10 * power)).toPrecision(3))} ${units[power]}`;
}

/** `3.2 ms`, `1.4 s` */
export function milliseconds(value: number | null): string {
  if (value === null) return '–';
  return value < 1_000 ? `${Number(value.toPrecision(2))} ms` : `${Number((value / 1_000).toPrecision(2))} s`;
}

/** A duration in the largest suitable unit: `45 s`, `12 min`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** The time of day, with the date unless it is today. */
export function instant(iso: string, now = new Date()): string {
  const at = new Date(iso);
  return at.toDateString() === now.toDateString() ? timeOfDay.format(at) : dayAndTime.format(at);
}
