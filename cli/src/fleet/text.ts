import stringWidth from 'string-width';

/**
 * Makes text from a device or another operator safe for a terminal: it cannot move the cursor, set colours or break
 * lines.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}

/** Shortens a text to a width in columns, ending with `…`. */
export function clip(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && stringWidth(characters.join('')) >= width) characters.pop();
  return `${characters.join('')}…`;
}

/** `0.4 s`, `12 s`, `5 min`, `3 h`, `2 d` */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1_000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5_970) return `${Math.round(seconds / 60)} min`;
  return seconds < 171_000 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** `0.42`, `3.1`, `27`, `1,240`; `–` for 0. */
export function formatMs(milliseconds: number): string {
  if (!(milliseconds > 0)) return '–';
  if (milliseconds < 0.995) return milliseconds.toFixed(2);
  return milliseconds < 9.95 ? milliseconds.toFixed(1) : Math.round(milliseconds).toLocaleString('en-US');
}

/** A share of a total in percent: `97.3 %`, `100 %`; `–` if the total is 0. */
export function formatShare(part: number, total: number): string {
  if (!(total > 0)) return '–';
  const percent = (100 * Math.min(part, total)) / total;
  return `${percent.toFixed(percent > 99.95 ? 0 : 1)} %`;
}

/** Samples per second: `0.5`, `12.3`, `480`, `12,400` */
export function formatRate(perSecond: number): string {
  return perSecond < 99.95 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en-US');
}

/** Share of samples that are audited: `1 %`, `0.05 %`; `–` for none. */
export function formatAuditRate(share: number): string {
  return share > 0 ? `${Number((share * 100).toPrecision(2))} %` : '–';
}

/** `2026-03-01 14:05:09`, in the time zone of this machine. */
export function formatTime(time: Date): string {
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}
