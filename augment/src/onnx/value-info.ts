import Long from 'long';
import { onnx } from '#onnx';
import { DataType } from './data-type.js';

/** The symbol that stands for the batch dimension in every model that Offramp writes. */
export const batchSymbol = 'N';

/** Declares a float32 tensor with a dynamic batch before `shape`. */
export function batchOf(name: string, shape: readonly number[]): onnx.ValueInfoProto {
  const dim = [
    new onnx.TensorShapeProto.Dimension({ dimParam: batchSymbol }),
    ...shape.map((size) => new onnx.TensorShapeProto.Dimension({ dimValue: Long.fromNumber(size) })),
  ];
  return new onnx.ValueInfoProto({
    name,
    type: new onnx.TypeProto({
      tensorType: new onnx.TypeProto.Tensor({
        elemType: DataType.float32,
        shape: new onnx.TensorShapeProto({ dim }),
      }),
    }),
  });
}

/**
 * The dimensions that a tensor is declared with, open ones by their symbol or `?`; `null` where no shape is
 * declared.
 */
export function declaredShape(value: onnx.ValueInfoProto): (number | string)[] | null {
  const shape = value.type?.tensorType?.shape;
  if (!shape) return null;
  return shape.dim.map(({ dimValue, dimParam }) => {
    const size = dimValue?.toNumber() ?? 0;
    return size > 0 ? size : dimParam || '?';
  });
}
