/** `TensorProto.DataType` of the ONNX specification, by number. */
const names = [
  'undefined',
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
] as const;

export const DataType = {
  ...{ float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, float16: 10 },
} as const;

/** What learned weights are stored in, as opposed to shapes, indices, flags and texts. */
const weightTypes: ReadonlySet<string> = new Set([
  ...['float32', 'float16', 'float64', 'bfloat16', 'uint8', 'int8', 'uint4', 'int4', 'float4e2m1'],
  ...['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz'],
]);

export function dataTypeName(dataType: number): string {
  return names[dataType] ?? `data type ${dataType}`;
}

export function holdsWeights(dataType: number): boolean {
  return weightTypes.has(dataTypeName(dataType));
}

/** The number of a data type; `undefined` for a name that ONNX does not have. */
export function dataTypeOf(name: string): number | undefined {
  const found = names.indexOf(name as (typeof names)[number]);
  return found > 0 ? found : undefined;
}

/** Bits of a value; `undefined` for types whose values differ in size. */
export function bitsOf(dataType: number): number | undefined {
  const name = dataTypeName(dataType);
  if (name === 'bool') return 8;
  if (name === 'complex64' || name === 'complex128') return Number(name.slice('complex'.length));
  const digits = /^(?:bfloat|float|uint|int)(\d+)/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
