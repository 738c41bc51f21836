import type { TensorValue } from './probe-process.js';

/** How a tensor follows from the number of samples n. */
export type BatchPattern =
  | { kind: 'constant'; value: TensorValue }
  /** Integers: base + slope · n, one by one. */
  | { kind: 'linear'; type: string; dims: readonly number[]; base: bigint[]; slope: bigint[] }
  /** n copies of a block, one after the other along an axis. */
  | { kind: 'copies'; axis: number; block: TensorValue };

/**
 * How a tensor follows from the batch, by its values for several batches; `null` where it does in another way.
 * @param batches different sizes, the first of them 1
 * @param values the tensor for each of them
 */
export function batchPattern(
  batches: readonly number[],
  values: readonly TensorValue[],
): BatchPattern | null {
  const [first, second] = values;
  if (!first || !second || !values.every(({ data }) => ArrayBuffer.isView(data))) return null;
  if (values.every(({ dims }) => dims.join() === first.dims.join())) {
    if (values.every((value) => sameValues(value, first))) return { kind: 'constant', value: first };
    return linear(batches, values);
  }
  const axis = growingAxis(
    batches,
    values.map(({ dims }) => dims),
  );
  const copied =
    axis !== null && values.every((value, i) => isCopies(value, first, axis, batches[i] as number));
  return copied ? { kind: 'copies', axis, block: first } : null;
}

/** The only axis that differs, if it is as many times as long as the batch; `null` otherwise. */
function growingAxis(batches: readonly number[], shapes: readonly (readonly number[])[]): number | null {
  const [first = []] = shapes;
  const differing = first.flatMap((size, axis) =>
    shapes.every((shape) => shape[axis] === size) ? [] : [axis],
  );
  const [axis] = differing;
  if (axis === undefined || differing.length > 1 || shapes.some(({ length }) => length !== first.length))
    return null;
  return shapes.every((shape, i) => shape[axis] === (first[axis] as number) * (batches[i] as number))
    ? axis
    : null;
}

function sameValues(a: TensorValue, b: TensorValue): boolean {
  return bytesOf(a).equals(bytesOf(b));
}

function linear(batches: readonly number[], values: readonly TensorValue[]): BatchPattern | null {
  const integers = values.map(integersOf);
  const [first, second] = integers;
  const [one = 1, two = 2] = batches;
  if (!first || !second) return null;
  const slope = first.map((value, i) => ((second[i] as bigint) - value) / BigInt(two - one));
  const base = first.map((value, i) => value - (slope[i] as bigint) * BigInt(one));
  const holds = integers.every((row, at) =>
    row?.every(
      (value, i) => value === (base[i] as bigint) + (slope[i] as bigint) * BigInt(batches[at] as number),
    ),
  );
  const { type, dims } = values[0] as TensorValue;
  return holds ? { kind: 'linear', type, dims, base, slope } : null;
}

function integersOf({ data }: TensorValue): bigint[] | null {
  if (data instanceof BigInt64Array) return [...data];
  return data instanceof Int32Array ? Array.from(data, BigInt) : null;
}

/** Whether `value` is `block` `count` times along an axis. */
function isCopies(value: TensorValue, block: TensorValue, axis: number, count: number): boolean {
  const expected = bytesOf(block);
  const actual = bytesOf(value);
  const outer = block.dims.slice(0, axis).reduce((product, size) => product * size, 1);
  const run = expected.length / outer;
  if (actual.length !== expected.length * count) return false;
  for (let i = 0; i < outer * count; i++) {
    const row = Math.floor(i / count);
    if (!actual.subarray(i * run, (i + 1) * run).equals(expected.subarray(row * run, (row + 1) * run)))
      return false;
  }
  return true;
}

function bytesOf({ data }: TensorValue): Buffer {
  const view = data as ArrayBufferView;
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}
