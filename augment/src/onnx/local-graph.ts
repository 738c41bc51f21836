import { onnx } from '#onnx';
import { type BatchPattern, batchPattern } from './batch-pattern.js';
import { dataTypeOf } from './data-type.js';
import { readsOf } from './graph.js';
import { GraphEditor } from './graph-editor.js';
import { changed, isDefaultDomain, type OnnxModel } from './model.js';
import { renameNode } from './names.js';
import type { ProbeRun } from './probe.js';
import { weightOf } from './tensor-data.js';

/** A tensor with the batch along one of its axes, of `size` entries for each sample. */
interface BatchSource {
  tensor: string;
  axis: number;
  size: number;
}

/**
 * Writes a graph again, node by node, whose nodes take no shapes from far away: constants replace them, or arithmetic on
 * the shape of a tensor that the same node reads.
 */
export class LocalGraph {
  private readonly editor: GraphEditor;
  private readonly patterns = new Map<string, BatchPattern | null>();
  private readonly constants = new Map<string, string>();

  /** @param runs of the given model, one for each of `batches` */
  constructor(
    private readonly model: OnnxModel,
    private readonly runs: readonly ProbeRun[],
    private readonly batches: readonly number[],
  ) {
    const graph = changed(onnx.GraphProto, model.graph, { initializer: [...model.graph.initializer] });
    this.editor = new GraphEditor(changed(onnx.ModelProto, model.proto, { graph }));
    graph.node = [];
  }

  /** Appends a node as it is. */
  add(node: onnx.NodeProto): void {
    this.editor.graph.node.push(node);
  }

  /**
   * Appends a node that reads results of shape arithmetic, made independent of them where possible.
   * @param shapes those results
   * @param sources tensors that the node reads besides
   */
  addLocal(node: onnx.NodeProto, shapes: readonly string[], sources: readonly string[]): void {
    const reshape = this.reshapeTo(node, shapes);
    if (reshape) {
      this.add(reshape);
      return;
    }
    const source = this.batchSource(sources);
    const renames = new Map<string, string>();
    let samples: string | undefined;
    for (const tensor of shapes) {
      const pattern = this.patternOf(tensor);
      if (!pattern) continue;
      if (pattern.kind === 'constant') renames.set(tensor, this.constantOf(tensor, pattern.value));
      else if (source) {
        samples ??= this.countSamples(source);
        renames.set(tensor, this.compute(tensor, pattern, samples));
      }
    }
    this.add(renames.size > 0 ? renameNode(node, renames) : node);
  }

  /** @param kept chooses from the nodes added */
  finish(kept: (nodes: readonly onnx.NodeProto[]) => onnx.NodeProto[]): OnnxModel {
    const { proto, graph } = this.editor;
    graph.node = kept(graph.node);
    const used = new Set(graph.node.flatMap(readsOf));
    graph.initializer = graph.initializer.filter(({ name }) => used.has(name));
    return { ...this.model, proto, graph };
  }

  /** A Reshape to a constant shape, in which −1 stands for the only dimension that the batch changes. */
  private reshapeTo(node: onnx.NodeProto, shapes: readonly string[]): onnx.NodeProto | null {
    const [data = '', target = ''] = node.input;
    if (node.opType !== 'Reshape' || !isDefaultDomain(node.domain)) return null;
    if (shapes.length !== 1 || shapes[0] !== target) return null;
    const results = this.runs.map(({ shapes: found }) => found.get(node.output[0] ?? ''));
    const [first] = results;
    if (!first || results.some((shape) => shape?.length !== first.length)) return null;
    const constant = first.map((size, axis) =>
      results.every((shape) => shape?.[axis] === size) ? size : -1,
    );
    if (constant.includes(0) || constant.filter((size) => size === -1).length > 1) return null;
    const name = this.editor.addInitializer(
      `${target}_any_batch`,
      [constant.length],
      BigInt64Array.from(constant, BigInt),
    );
    return changed(onnx.NodeProto, node, {
      input: [data, name],
      attribute: node.attribute.filter((attribute) => attribute.name !== 'allowzero'),
    });
  }

  private batchSource(tensors: readonly string[]): BatchSource | undefined {
    const sources = tensors.flatMap((tensor) => {
      const results = this.runs.map(({ shapes }) => shapes.get(tensor) ?? []);
      const [first = []] = results;
      return first.flatMap((size, axis) =>
        size > 0 && results.every((shape, i) => shape[axis] === size * (this.batches[i] as number))
          ? [{ tensor, axis, size }]
          : [],
      );
    });
    return sources.find(({ size }) => size === 1) ?? sources[0];
  }

  private patternOf(tensor: string): BatchPattern | null {
    const known = this.patterns.get(tensor);
    if (known !== undefined) return known;
    const values = this.runs.flatMap((run) => run.values.get(tensor) ?? []);
    const pattern = values.length === this.runs.length ? batchPattern(this.batches, values) : null;
    this.patterns.set(tensor, pattern);
    return pattern;
  }

  private constantOf(tensor: string, value: Parameters<typeof weightOf>[1]): string {
    const known = this.constants.get(tensor);
    if (known !== undefined) return known;
    const weight = weightOf(this.editor.uniqueName(`${tensor}_constant`), value);
    if (!weight) return tensor;
    this.editor.graph.initializer.push(weight);
    this.constants.set(tensor, weight.name);
    return weight.name;
  }

  /** @returns a tensor [1] of int64 */
  private countSamples({ tensor, axis, size }: BatchSource): string {
    const shape = this.write('Shape', [tensor], `${tensor}_shape`);
    const entries = this.write('Gather', [shape, this.integers('axis', [axis])], `${tensor}_entries`);
    return size === 1
      ? entries
      : this.write('Div', [entries, this.integers('size', [size])], `${tensor}_samples`);
  }

  private compute(
    tensor: string,
    pattern: Exclude<BatchPattern, { kind: 'constant' }>,
    samples: string,
  ): string {
    if (pattern.kind === 'copies') {
      const ones = pattern.block.dims.map((_, axis) => (axis === pattern.axis ? 0 : 1));
      const repeats = this.linear(
        samples,
        ones,
        ones.map((one) => 1 - one),
      );
      return this.write('Tile', [this.constantOf(tensor, pattern.block), repeats], `${tensor}_local`);
    }
    const { dims, type, base, slope } = pattern;
    let result = this.linear(samples, base, slope);
    if (dims.length !== 1) {
      result = this.write('Reshape', [result, this.integers('dims', dims)], `${tensor}_shaped`);
    }
    const to = dataTypeOf(type);
    if (type === 'int64' || to === undefined) return result;
    const cast = this.editor.uniqueName(`${tensor}_cast`);
    this.editor.addNode('Cast', [result], [cast], { to: { i: to } });
    return cast;
  }

  /** base + slope · samples */
  private linear(
    samples: string,
    base: readonly (number | bigint)[],
    slope: readonly (number | bigint)[],
  ): string {
    const scaled = this.write('Mul', [samples, this.integers('slope', slope)], 'scaled');
    return this.write('Add', [scaled, this.integers('base', base)], 'linear');
  }

  private integers(name: string, values: readonly (number | bigint)[]): string {
    return this.editor.addInitializer(name, [values.length], BigInt64Array.from(values, BigInt));
  }

  private write(opType: string, inputs: readonly string[], base: string): string {
    const output = this.editor.uniqueName(base);
    this.editor.addNode(opType, inputs, [output]);
    return output;
  }
}
