import { elementsOf } from '@offramp/bundle';
import { peakBytes } from '../onnx/peak-bytes.js';
import type { Operation, Tensor } from './tensor.js';

/** Operators that return what they are given, in other dimensions. */
const views = new Set(['Reshape', 'Flatten', 'Identity', 'Squeeze', 'Unsqueeze']);

/** An operation's output, or another tensor that its operation only views. */
type Buffer = Operation | Tensor;

/** The bytes of all tensors that are computed for these results, at the time when most of them are needed. */
export function graphPeakBytes(results: readonly Tensor[]): number {
  const bytes = new Map<Buffer, number>();
  const nodes: { reads: Buffer[]; writes: Buffer[] }[] = [];
  const buffers = new Map<Operation, Buffer>();
  const bufferOf = (tensor: Tensor): Buffer => {
    const { origin } = tensor;
    if (origin.kind !== 'operation') return tensor;
    const buffer = buffers.get(origin.operation) ?? visit(origin.operation);
    // An operation has one large output; others, such as a batch norm's statistics, are small.
    if (buffer === origin.operation) bytes.set(buffer, Math.max(bytes.get(buffer) ?? 0, bytesOf(tensor)));
    return buffer;
  };
  const visit = (operation: Operation): Buffer => {
    const reads = operation.inputs.map(bufferOf);
    if (views.has(operation.opType) && reads[0]) {
      buffers.set(operation, reads[0]);
      return reads[0];
    }
    buffers.set(operation, operation);
    nodes.push({ reads, writes: [operation] });
    return operation;
  };
  const kept = results.map(bufferOf);
  return peakBytes(nodes, (buffer) => bytes.get(buffer) ?? 0, kept);
}

function bytesOf({ shape, type }: Tensor): number {
  return elementsOf(shape) * (type === 'int64' ? 8 : type === 'bool' ? 1 : 4);
}
