/** A share in [0, 1] as text: `98.4 %`. Only 0 is `0 %`, and only 1 is `100 %`: close to these, it has as many digits as needed. */
export function percentText(share: number): string {
  const toEnd = 100 * Math.min(Math.abs(share), Math.abs(1 - share));
  const digits = toEnd > 0 ? Math.min(9, Math.max(1, Math.ceil(-Math.log10(toEnd) - 1e-9))) : 1;
  return `${Number((share * 100).toFixed(digits))} %`;
}
