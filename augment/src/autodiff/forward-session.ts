import { elementsOf } from '@offramp/bundle';
import { type InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { exportForward } from './export-forward.js';
import type { GraphBuilder } from './graph-builder.js';
import { expectFeed, openSession, startModel } from './session.js';
import type { Tensor } from './tensor.js';

export interface ForwardSessionOptions {
  /** Tensors to compute, each with the batch as its first dimension. */
  outputs: Readonly<Record<string, Tensor>>;
  /** Values of parameters and states. */
  values: ReadonlyMap<string, Float32Array>;
  /** Threads that one operator may use. Default: the number of cores */
  threads?: number;
}

/** Runs a trained graph on batches of any size, in the form that {@link exportForward} attaches. */
export class ForwardSession {
  private constructor(
    private readonly session: InferenceSession,
    /** Shapes of one sample. */
    private readonly inputs: ReadonlyMap<string, readonly number[]>,
  ) {}

  static async open(graph: GraphBuilder, options: ForwardSessionOptions): Promise<ForwardSession> {
    const inputs = [...graph.inputs].filter(([, { type }]) => type === 'float32');
    const declare = ([name, { shape }]: readonly [string, Tensor]) => ({
      name,
      shape: [null, ...shape.slice(1)],
      type: 'float32' as const,
    });
    const editor = startModel(inputs.map(declare));
    exportForward(editor, {
      graph,
      outputs: options.outputs,
      values: options.values,
      inputs: Object.fromEntries(inputs.map(([name]) => [name, name])),
    });
    const read = new Set(editor.graph.node.flatMap(({ input }) => input));
    editor.graph.input = editor.graph.input.filter(({ name }) => read.has(name));
    const session = await openSession(
      editor,
      Object.entries(options.outputs).map(declare),
      options.threads ?? 0,
    );
    return new ForwardSession(
      session,
      new Map(inputs.filter(([name]) => read.has(name)).map(([name, { shape }]) => [name, shape.slice(1)])),
    );
  }

  /**
   * @param inputs row-major values of every input that the outputs need
   * @throws OfframpError `TENSOR_INVALID` for an input of another length
   */
  async run(
    inputs: Readonly<Record<string, Float32Array>>,
    batch: number,
  ): Promise<Readonly<Record<string, Float32Array>>> {
    const feeds = [...this.inputs].map(([name, shape]) => {
      const data = expectFeed(name, inputs[name], 'float32', batch * elementsOf(shape));
      return [name, new RuntimeTensor('float32', data, [batch, ...shape])] as const;
    });
    const results = await this.session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]),
    );
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}
