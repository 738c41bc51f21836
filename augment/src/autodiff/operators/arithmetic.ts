import { formatShape, sameShape } from '@offramp/bundle';
import { differentiable, fail, filled, operation, type Tensor } from '../tensor.js';
import { rawReshape, rawSum } from './raw.js';

/** A tensor, or a number that is broadcast. */
export type Operand = Tensor | number;

/** a + b, broadcast as in NumPy. */
export function add(a: Operand, b: Operand): Tensor {
  return binary('Add', a, b, {
    da: (dy) => dy,
    db: (dy) => dy,
  });
}

/** a − b, broadcast. */
export function sub(a: Operand, b: Operand): Tensor {
  return binary('Sub', a, b, {
    da: (dy) => dy,
    db: (dy) => raw('Neg', dy),
  });
}

/** a · b, broadcast. */
export function mul(a: Operand, b: Operand): Tensor {
  return binary('Mul', a, b, {
    da: (dy, _, right) => raw('Mul', dy, right),
    db: (dy, left) => raw('Mul', dy, left),
  });
}

/** a / b, broadcast. */
export function div(a: Operand, b: Operand): Tensor {
  return binary('Div', a, b, {
    da: (dy, _, right) => raw('Div', dy, right),
    db: (dy, _, right, y) => raw('Neg', raw('Div', raw('Mul', dy, y), right)),
  });
}

/** The larger of the two, broadcast. Where they are equal the gradient goes to `a`. */
export function maximum(a: Operand, b: Operand): Tensor {
  return binary('Max', a, b, {
    da: (dy, left, right) => raw('Mul', dy, mask('GreaterOrEqual', left, right)),
    db: (dy, left, right) => raw('Mul', dy, mask('Less', left, right)),
  });
}

/** The smaller of the two, broadcast. Where they are equal the gradient goes to `a`. */
export function minimum(a: Operand, b: Operand): Tensor {
  return binary('Min', a, b, {
    da: (dy, left, right) => raw('Mul', dy, mask('LessOrEqual', left, right)),
    db: (dy, left, right) => raw('Mul', dy, mask('Greater', left, right)),
  });
}

/** −x */
export function neg(x: Tensor): Tensor {
  return differentiable(raw('Neg', x), [x, (dy) => raw('Neg', dy)]);
}

/** 1 where the comparison holds, else 0. No gradient passes. */
export function mask(
  comparison: 'Greater' | 'GreaterOrEqual' | 'Less' | 'LessOrEqual' | 'Equal',
  a: Tensor,
  b: Tensor,
): Tensor {
  const shape = broadcastShape(comparison, a.shape, b.shape);
  const holds = operation(comparison, [a, b], shape, { type: 'bool' });
  return operation('Cast', [holds], shape, { attributes: { to: { i: 1 } } });
}

/** The shape of the result of an element-wise operator (NumPy's rule). */
export function broadcastShape(operator: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      fail(operator, `expected shapes that broadcast, found ${formatShape(a)} and ${formatShape(b)}`);
    }
    return left === 1 ? right : left;
  });
}

/** Sums over the axes along which a tensor of `shape` was repeated. */
export function sumToShape(x: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const added = x.shape.length - shape.length;
  const axes = x.shape.flatMap((size, axis) => (size !== (shape[axis - added] ?? 1) ? [axis] : []));
  return rawReshape(axes.length > 0 ? rawSum(x, axes) : x, shape);
}

interface Rules {
  da(dy: Tensor, a: Tensor, b: Tensor, y: Tensor): Tensor;
  db(dy: Tensor, a: Tensor, b: Tensor, y: Tensor): Tensor;
}

function binary(opType: string, left: Operand, right: Operand, rules: Rules): Tensor {
  const a = typeof left === 'number' ? filled(left) : left;
  const b = typeof right === 'number' ? filled(right) : right;
  const y = raw(opType, a, b);
  return differentiable(
    y,
    [a, (dy) => sumToShape(rules.da(dy, a, b, y), a.shape)],
    [b, (dy) => sumToShape(rules.db(dy, a, b, y), b.shape)],
  );
}

function raw(opType: string, ...inputs: readonly Tensor[]): Tensor {
  const shape = inputs.reduce<readonly number[]>((sofar, x) => broadcastShape(opType, sofar, x.shape), []);
  return operation(opType, inputs, shape);
}
