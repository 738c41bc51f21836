/** The shortest decimal that a binary32 number is the nearest to: 0.9 for the 0.8999999761581421 off the wire. */
export function shortestDecimal(float32: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(float32.toPrecision(digits));
    if (Math.fround(decimal) === float32) return decimal;
  }
  return float32;
}
