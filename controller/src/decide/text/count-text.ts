/** A count as text: `12,345`. */
export function countText(value: number): string {
  return Math.round(value).toLocaleString('en');
}
