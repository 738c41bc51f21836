import { elementsOf } from '@offramp/bundle';
import type { ShapeOf } from './cost-model.js';
import { type DataFlow, readsOf, writesOf } from './graph.js';
import { peakBytes } from './peak-bytes.js';

/**
 * The most bytes that the tensors of one sample's run take at any one time, each value in 4 bytes. A tensor of unknown shape
 * counts as large as the largest that its node reads.
 * @param shapeOf of the input and of some tensors of the flow, for a batch of one; empty where it is not known
 */
export function samplePeakBytes({ nodes, dynamic }: DataFlow, shapeOf: ShapeOf, output: string): number {
  const bytes = new Map<string, number>();
  const bytesOf = (tensor: string) => {
    const known = bytes.get(tensor);
    if (known !== undefined) return known;
    const shape = shapeOf(tensor);
    return shape.length > 0 ? 4 * elementsOf(shape) : 0;
  };
  const executed = nodes.map((node) => {
    const reads = readsOf(node).filter((tensor) => dynamic.has(tensor));
    const writes = writesOf(node);
    const largest = Math.max(0, ...reads.map(bytesOf));
    for (const tensor of writes) bytes.set(tensor, bytesOf(tensor) || largest);
    return { reads, writes };
  });
  return peakBytes(executed, bytesOf, [output]);
}
