/** `94.2 %` */
export function percent(share: number, digits = 1): string {
  return `${minus((share * 100).toFixed(digits))} %`;
}

/** A difference of shares, in percentage points: `0.21 points` */
export function points(share: number, digits = 2): string {
  return `${minus((share * 100).toFixed(digits))} points`;
}

/** `12,345` */
export function integer(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** With three significant digits: `0.0123`, `1.23`, `123` */
export function significant(value: number): string {
  return minus(String(Number(value.toPrecision(3))));
}

/** `125.5 M` */
export function count(value: number): string {
  const units: [number, string][] = [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e3, ' k'],
  ];
  const unit = units.find(([size]) => value >= size);
  return unit ? `${(value / unit[0]).toFixed(1)}${unit[1]}` : String(value);
}

/** For pages: no line break between a number and its unit. */
export function keepUnits(text: string): string {
  return text.replace(/(?<=\d) (?=(%|points|[kMG])(\W|$))/g, '\u00a0');
}

/** A threshold as text: three decimals, or that no sample exits. */
export function threshold(value: number): string {
  return value > 1 ? 'never' : String(Number(value.toFixed(3)));
}

/** A true minus sign, and no minus before zero. */
const minus = (text: string) => (/^-0(\.0*)?$/.test(text) ? text.slice(1) : text.replace('-', '−'));
