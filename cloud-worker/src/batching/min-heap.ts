/** A queue that returns the least first, and among equals the one pushed first. Push and pop take O(log n). */
export class MinHeap<T> {
  private readonly nodes: { key: number; order: number; value: T }[] = [];
  private pushed = 0;

  get size(): number {
    return this.nodes.length;
  }

  push(key: number, value: T): void {
    const { nodes } = this;
    const node = { key, order: this.pushed++, value };
    let at = nodes.push(node) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(node, nodes[parent])) break;
      nodes[at] = nodes[parent] as typeof node;
      at = parent;
    }
    nodes[at] = node;
  }

  peek(): T | undefined {
    return this.nodes[0]?.value;
  }

  pop(): T | undefined {
    const { nodes } = this;
    const first = nodes[0];
    const node = nodes.pop();
    if (!first || !node || nodes.length === 0) return first?.value;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= nodes.length) break;
      const right = nodes[child + 1];
      if (right && this.isBefore(right, nodes[child])) child++;
      if (!this.isBefore(nodes[child] as typeof node, node)) break;
      nodes[at] = nodes[child] as typeof node;
      at = child;
    }
    nodes[at] = node;
    return first.value;
  }

  /** Keeps values that match, and removes the rest. */
  keep(matches: (value: T) => boolean): void {
    const kept = this.nodes.filter(({ value }) => matches(value));
    this.nodes.length = 0;
    for (const { key, value } of kept.sort((a, b) => a.order - b.order)) this.push(key, value);
  }

  private isBefore(
    a: { key: number; order: number },
    b: { key: number; order: number } | undefined,
  ): boolean {
    return b === undefined || a.key < b.key || (a.key === b.key && a.order < b.order);
  }
}
