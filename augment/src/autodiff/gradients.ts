import { expectShape } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import { add } from './operators/arithmetic.js';
import { filled, type Tensor } from './tensor.js';

/**
 * Reverse-mode automatic differentiation: the gradient of `loss` with respect to each of `targets`, as
 * tensors of the same graph. Tensors on which no target depends are not computed.
 * @param loss a scalar
 * @throws OfframpError `TENSOR_INVALID` for a loss that is not a scalar or does not depend on a target
 */
export function gradients(loss: Tensor, targets: readonly Tensor[]): Tensor[] {
  expectShape('loss', [], loss.shape);
  const order = dependenciesFirst(loss);
  const needed = new Set(targets);
  for (const tensor of order) {
    if (tensor.derivatives.some(({ input }) => needed.has(input))) needed.add(tensor);
  }
  const found = new Map<Tensor, Tensor>([[loss, filled(1)]]);
  for (const tensor of order.reverse()) {
    const dy = found.get(tensor);
    if (!dy || !needed.has(tensor)) continue;
    for (const { input, gradient } of tensor.derivatives) {
      if (!needed.has(input)) continue;
      const contribution = gradient(dy);
      expectShape('gradient', input.shape, contribution.shape);
      const others = found.get(input);
      found.set(input, others ? add(others, contribution) : contribution);
    }
  }
  return targets.map((target) => {
    const gradient = found.get(target);
    if (gradient) return gradient;
    const name = 'name' in target.origin ? target.origin.name : 'a tensor';
    throw new OfframpError('TENSOR_INVALID', `the loss does not depend on ${name}`);
  });
}

/** Every tensor that a gradient can reach from `loss`, in topological order. */
function dependenciesFirst(loss: Tensor): Tensor[] {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  const visit = (tensor: Tensor) => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    for (const { input } of tensor.derivatives) visit(input);
    order.push(tensor);
  };
  visit(loss);
  return order;
}
