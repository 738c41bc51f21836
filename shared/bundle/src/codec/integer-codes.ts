// The inner loops of quantisation, one function each, so that the engine compiles each for one kind of array.

/** Codes of elements from `start` up to `end`: element ÷ scale + zero point, rounded and clipped to the range of codes. */
export interface CodeRange {
  start: number;
  end: number;
  scale: number;
  zeroPoint: number;
}

/** One byte each. */
export function writeBytes(values: Float32Array, codes: Uint8Array, range: CodeRange): void {
  const { start, end, inverse, offset } = prepare(range);
  for (let i = start; i < end; i++) {
    const code = (values[i] as number) * inverse + offset;
    codes[i] = code < 0 ? 0 : code > 255 ? 255 : code;
  }
}

/** Two in a byte, the first in its lower half. Unwritten parts of `codes` are zero. */
export function writeNibbles(values: Float32Array, codes: Uint8Array, range: CodeRange): void {
  const { start, end, inverse, offset } = prepare(range);
  for (let i = start; i < end; i++) {
    const code = (values[i] as number) * inverse + offset;
    const clipped = code < 0 ? 0 : code > 15 ? 15 : code | 0;
    codes[i >> 1] = (codes[i >> 1] as number) | (clipped << ((i & 1) << 2));
  }
}

export function readBytes(codes: Uint8Array, into: Float32Array, range: CodeRange): void {
  const { start, end, scale, zeroPoint } = range;
  for (let i = start; i < end; i++) into[i] = scale * ((codes[i] as number) - zeroPoint);
}

export function readNibbles(codes: Uint8Array, into: Float32Array, range: CodeRange): void {
  const { start, end, scale, zeroPoint } = range;
  for (let i = start; i < end; i++) {
    into[i] = scale * ((((codes[i >> 1] as number) >> ((i & 1) << 2)) & 0xf) - zeroPoint);
  }
}

function prepare({ start, end, scale, zeroPoint }: CodeRange) {
  // Truncation rounds here: a half has been added, and negative values are clipped.
  return { start, end, inverse: scale === 0 ? 0 : 1 / scale, offset: zeroPoint + 0.5 };
}

/** Minimum, maximum and the sum of squares, which is NaN or infinite if an element is. */
export interface Extent {
  low: number;
  high: number;
  squares: number;
}

export function extentOf(values: Float32Array, start: number, end: number): Extent {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let squares = 0;
  for (let i = start; i < end; i++) {
    const value = values[i] as number;
    if (value < low) low = value;
    if (value > high) high = value;
    squares += value * value;
  }
  return { low, high, squares };
}
