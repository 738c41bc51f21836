/** The shortest decimal whose nearest binary32 number is the given one: 0.9 for 0.8999999761581421 from the wire. */
export function shortestDecimal(float32: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(float32.toPrecision(digits));
    if (Math.fround(decimal) === float32) return decimal;
  }
  return float32;
}
