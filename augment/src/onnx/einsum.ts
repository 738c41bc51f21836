/**
 * Multiply-accumulates of an Einsum: one per combination of all its indices, for each product of two
 * operands; 0 with a single operand, which only moves and adds.
 * @param equation as in NumPy, `bhid,bhjd->bhij`; may hold `...`
 * @param shapes of the operands
 */
export function einsumMacs(equation: string, shapes: readonly (readonly number[])[]): number {
  const terms = (equation.split('->')[0] ?? '').replaceAll(/\s/g, '').split(',');
  const size = new Map<string, number>();
  terms.forEach((term, operand) => {
    const shape = shapes[operand] ?? [];
    const [before = '', after = ''] = term.split('...');
    const hidden = term.includes('...') ? shape.length - before.length - after.length : 0;
    // What `...` stands for is aligned at its end, as in broadcasting.
    const indices = [...before, ...Array.from({ length: hidden }, (_, i) => `.${hidden - i}`), ...after];
    indices.forEach((index, at) => {
      size.set(index, Math.max(size.get(index) ?? 1, shape[at] ?? 1));
    });
  });
  const combinations = [...size.values()].reduce((product, dimension) => product * dimension, 1);
  return combinations * (terms.length - 1);
}
