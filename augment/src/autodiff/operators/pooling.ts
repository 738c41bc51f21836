import { elementsOf, formatShape } from '@offramp/bundle';
import {
  constant,
  differentiable,
  expectRank,
  fail,
  filled,
  integers,
  operation,
  operations,
  type Tensor,
} from '../tensor.js';
import { mul } from './arithmetic.js';
import { pair } from './conv.js';
import { rawMatMul, rawReshape } from './raw.js';

export interface PoolOptions {
  kernel: number | readonly [vertical: number, horizontal: number];
  /** Default: the kernel, so that windows do not overlap */
  stride?: number | readonly [vertical: number, horizontal: number];
  /** On both sides; padded positions do not count. Default: 0 */
  padding?: number | readonly [vertical: number, horizontal: number];
}

/** The mean of every window. @param x batch × channels × height × width */
export function averagePool(x: Tensor, options: PoolOptions): Tensor {
  const { attributes, vertical, horizontal, shape } = geometryOf('averagePool', x, options);
  const y = operation('AveragePool', [x], shape, { attributes });
  // The mean over rectangles is a product with one matrix per direction: Y = V X H, so dX = Vᵀ dY Hᵀ.
  return differentiable(y, [
    x,
    (dy) => {
      const left = constant(transposed(averaging(vertical), vertical.size), [
        vertical.size,
        vertical.outputs,
      ]);
      const right = constant(averaging(horizontal), [horizontal.outputs, horizontal.size]);
      return operation('MatMul', [left, rawMatMul(dy, right)], x.shape);
    },
  ]);
}

/** The largest of every window. @param x batch × channels × height × width */
export function maxPool(x: Tensor, options: PoolOptions): Tensor {
  const { attributes, shape } = geometryOf('maxPool', x, options);
  const [y, winners] = operations(
    'MaxPool',
    [x],
    [
      { shape, type: 'float32' },
      { shape, type: 'int64' },
    ],
    { attributes },
  ) as [Tensor, Tensor];
  return differentiable(y, [
    x,
    (dy) => {
      const size = elementsOf(x.shape);
      const flat = [elementsOf(shape)];
      const scattered = operation(
        'ScatterElements',
        [filled(0, [size]), rawReshape(winners, flat), rawReshape(dy, flat)],
        [size],
        { attributes: { axis: { i: 0 }, reduction: { s: 'add' } } },
      );
      return rawReshape(scattered, x.shape);
    },
  ]);
}

/** The mean over height and width. @param x batch × channels × height × width @returns batch × channels */
export function globalAveragePool(x: Tensor): Tensor {
  expectRank('globalAveragePool', x, 4);
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const pooled = operation('GlobalAveragePool', [x], [batch, channels, 1, 1]);
  const y = operation('Flatten', [pooled], [batch, channels], { attributes: { axis: { i: 1 } } });
  return differentiable(y, [
    x,
    (dy) =>
      operation(
        'Expand',
        [rawReshape(mul(dy, 1 / (height * width)), [batch, channels, 1, 1]), integers(x.shape)],
        x.shape,
      ),
  ]);
}

/** One direction of a pooling. */
interface Side {
  size: number;
  kernel: number;
  stride: number;
  padding: number;
  outputs: number;
}

function geometryOf(operator: string, x: Tensor, options: PoolOptions) {
  expectRank(operator, x, 4);
  const kernel = pair(options.kernel);
  const strides = options.stride === undefined ? kernel : pair(options.stride);
  const padding = pair(options.padding ?? 0);
  const side = (i: 0 | 1): Side => {
    const size = x.shape[2 + i] as number;
    const outputs = Math.floor((size + 2 * padding[i] - kernel[i]) / strides[i]) + 1;
    return { size, kernel: kernel[i], stride: strides[i], padding: padding[i], outputs };
  };
  const [vertical, horizontal] = [side(0), side(1)];
  if ([vertical, horizontal].some((each) => each.outputs < 1 || each.padding >= each.kernel)) {
    fail(operator, `the window ${formatShape(kernel)} does not fit ${formatShape(x.shape)}`);
  }
  const attributes = {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
    pads: { ints: [...padding, ...padding] },
  };
  const shape = [...x.shape.slice(0, 2), vertical.outputs, horizontal.outputs];
  return { attributes, vertical, horizontal, shape };
}

/** outputs × size: the share of each position in each mean. */
function averaging({ size, kernel, stride, padding, outputs }: Side): Float32Array {
  const shares = new Float32Array(outputs * size);
  for (let output = 0; output < outputs; output++) {
    const start = Math.max(0, output * stride - padding);
    const end = Math.min(size, output * stride - padding + kernel);
    shares.fill(1 / (end - start), output * size + start, output * size + end);
  }
  return shares;
}

function transposed(matrix: Float32Array, columns: number): Float32Array {
  const rows = matrix.length / columns;
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] as number);
}
