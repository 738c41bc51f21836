/** A node as far as memory is concerned: what it reads and what it writes. */
export interface ExecutedNode<Value> {
  reads: readonly Value[];
  writes: readonly Value[];
}

/**
 * The most bytes that the values of a graph take at any one time, if its nodes run in this order and memory is freed
 * after the last read. Values that no node writes, such as inputs and weights, are not counted.
 * @param kept values that stay to the end
 */
export function peakBytes<Value>(
  nodes: readonly ExecutedNode<Value>[],
  bytesOf: (value: Value) => number,
  kept: Iterable<Value>,
): number {
  const lastUse = new Map<Value, number>();
  nodes.forEach(({ reads, writes }, index) => {
    for (const value of [...reads, ...writes]) lastUse.set(value, index);
  });
  for (const value of kept) lastUse.set(value, nodes.length);
  const live = new Map<Value, number>();
  let bytes = 0;
  let peak = 0;
  nodes.forEach(({ reads, writes }, index) => {
    for (const value of writes) {
      if (live.has(value)) continue;
      live.set(value, bytesOf(value));
      bytes += live.get(value) as number;
    }
    peak = Math.max(peak, bytes);
    for (const value of [...reads, ...writes]) {
      if (lastUse.get(value) !== index) continue;
      bytes -= live.get(value) ?? 0;
      live.delete(value);
    }
  });
  return peak;
}
