const factors = ['', 'Ki', 'Mi', 'Gi', 'Ti'];

/** `640 B`, `12.5 KiB`, `3.0 MiB` */
export function formatBytes(bytes: number): string {
  const power = Math.min(factors.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return power === 0 ? `${bytes} B` : `${(bytes / 1024 ** power).toFixed(1)} ${factors[power]}B`;
}

/** Of multiply-accumulates or parameters: `850`, `12.3 k`, `125.49 M`, `4.09 G` */
export function formatCount(count: number): string {
  if (count < 1e3) return String(count);
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} k`;
  return count < 1e9 ? `${(count / 1e6).toFixed(2)} M` : `${(count / 1e9).toFixed(2)} G`;
}

/** `12,345` */
export function formatInteger(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `94.2 %`; `–` for NaN. */
export function formatPercent(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : '–';
}

/** Rounded up: `8 s`, `12 min`, `3 h 5 min` */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
