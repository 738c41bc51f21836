import { elementsOf, formatShape } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import type { AttributeValue } from '../onnx/graph-editor.js';

/** `int32` for class numbers given as inputs, `int64` for shapes and indices of ONNX. */
export type TensorType = 'float32' | 'int32' | 'int64' | 'bool';

/** An ONNX node whose tensors have no names yet. */
export interface Operation {
  readonly opType: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: number;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Axes of a reduction. ONNX moved them from attributes to inputs, at a different opset for each operator. */
  readonly axes: readonly number[] | null;
}

/** Where a tensor's values come from. */
export type Origin =
  | { readonly kind: 'input' | 'parameter' | 'state'; readonly name: string }
  | { readonly kind: 'constant'; readonly data: Float32Array | BigInt64Array }
  | { readonly kind: 'operation'; readonly operation: Operation; readonly output: number };

/** How a gradient passes from a tensor to one of its inputs: dL/d(tensor) to dL/d(input). */
export interface Derivative {
  readonly input: Tensor;
  readonly gradient: (dy: Tensor) => Tensor;
}

/** A symbolic value of the graph. All shapes are known, including the batch dimension. */
export class Tensor {
  /** Empty: no gradient passes. */
  derivatives: readonly Derivative[] = [];
  /** The tensor that replaces this one after training. */
  inference: Tensor | null = null;

  constructor(
    readonly shape: readonly number[],
    readonly type: TensorType,
    readonly origin: Origin,
  ) {}
}

export interface OperationOptions {
  attributes?: Readonly<Record<string, AttributeValue>>;
  axes?: readonly number[];
  type?: TensorType;
}

/** The output of a node. No gradient passes unless {@link differentiable} defines it. */
export function operation(
  opType: string,
  inputs: readonly Tensor[],
  shape: readonly number[],
  options: OperationOptions = {},
): Tensor {
  const [output] = operations(opType, inputs, [{ shape, type: options.type ?? 'float32' }], options);
  return output as Tensor;
}

/** The outputs of a node that has several. */
export function operations(
  opType: string,
  inputs: readonly Tensor[],
  outputs: readonly { shape: readonly number[]; type: TensorType }[],
  options: OperationOptions = {},
): Tensor[] {
  const node: Operation = {
    opType,
    inputs,
    outputs: outputs.length,
    attributes: options.attributes ?? {},
    axes: options.axes ?? null,
  };
  return outputs.map(
    ({ shape, type }, output) => new Tensor(shape, type, { kind: 'operation', operation: node, output }),
  );
}

/** Defines how gradients pass from `output` to its inputs. */
export function differentiable(
  output: Tensor,
  ...derivatives: readonly (readonly [input: Tensor, gradient: (dy: Tensor) => Tensor])[]
): Tensor {
  output.derivatives = derivatives.map(([input, gradient]) => ({ input, gradient }));
  return output;
}

/** The same value, through which no gradient passes. */
export function stopGradient(x: Tensor): Tensor {
  const stopped = new Tensor(x.shape, x.type, x.origin);
  stopped.inference = x.inference;
  return stopped;
}

/** A constant tensor of float32 values. @param data row-major */
export function constant(data: Float32Array, shape: readonly number[]): Tensor {
  if (data.length !== elementsOf(shape)) {
    fail('constant', `expected ${elementsOf(shape)} values for ${formatShape(shape)}, found ${data.length}`);
  }
  return new Tensor(shape, 'float32', { kind: 'constant', data });
}

/** The same number everywhere. */
export function filled(value: number, shape: readonly number[] = []): Tensor {
  return constant(new Float32Array(elementsOf(shape)).fill(value), shape);
}

/** A vector of int64 values, for ONNX shapes, axes and indices. */
export function integers(values: readonly number[]): Tensor {
  return new Tensor([values.length], 'int64', { kind: 'constant', data: BigInt64Array.from(values, BigInt) });
}

/** @throws OfframpError `TENSOR_INVALID` naming the operator */
export function fail(operator: string, problem: string): never {
  throw new OfframpError('TENSOR_INVALID', `${operator}: ${problem}`);
}

/** @throws OfframpError `TENSOR_INVALID` unless `x` has one of these ranks */
export function expectRank(operator: string, x: Tensor, ...ranks: readonly number[]): void {
  if (!ranks.includes(x.shape.length)) {
    fail(operator, `expected ${ranks.join(' or ')} dimensions, found ${formatShape(x.shape)}`);
  }
}

/** An axis counted from the front; a negative one counts from the back. */
export function axisOf(operator: string, x: Tensor, axis: number): number {
  const found = axis < 0 ? axis + x.shape.length : axis;
  if (!Number.isInteger(axis) || found < 0 || found >= x.shape.length) {
    fail(operator, `expected an axis of ${formatShape(x.shape)}, found ${axis}`);
  }
  return found;
}
