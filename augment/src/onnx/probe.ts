import { totalmem } from 'node:os';
import { isOfframpError, messageOf, OfframpError, ProcessFailure, ProcessPool } from '@offramp/runtime';
import { onnx } from '#onnx';
import { withInnerNodes } from './graph.js';
import { GraphEditor } from './graph-editor.js';
import { changed, isDefaultDomain, type OnnxModel } from './model.js';
import { namesIn, renameNode, takeName } from './names.js';
import { listOperators, noNetworkHint } from './operator-names.js';
import type { OpenReply, ProbeRequest, RunReply, TensorValue } from './probe-process.js';
import { writeModel } from './write-model.js';

/** Time for loading a model, and for each run, in milliseconds. */
export const maxProbeMs = 120_000;
/** Memory of the process that runs the model, as a share of the machine's. */
const maxProbeMemoryShare = 0.8;

/** What one run of a model told. */
export interface ProbeRun {
  /** Of every tensor asked for, batch included. */
  shapes: ReadonlyMap<string, readonly number[]>;
  /** Values of the model's output, row-major. */
  output: Float32Array;
  /** The tensors whose values were asked for. */
  values: ReadonlyMap<string, TensorValue>;
}

/** A model with an eye on its inner tensors, until the process gets another. */
export interface Probe {
  /** Type of the elements of a tensor asked for with its type; `undefined` for what is no tensor. */
  typeOf(tensor: string): string | undefined;
  /**
   * Runs a batch of fixed, different samples; the first is the same in every batch.
   * @param fetched of the tensors asked for with their type, those whose values to tell
   * @throws OfframpError `MODEL_UNSUPPORTED`, `MODEL_INVALID` for a run that was ended; else what ONNX Runtime says
   */
  run(batch: number, fetched?: readonly string[]): Promise<ProbeRun>;
}

/**
 * A process for models of which nothing is known yet: one may run for ever, take all memory, or make ONNX Runtime end its
 * process. It holds one model at a time.
 */
export class ProbeProcess {
  private readonly pool: ProcessPool<ProbeRequest, OpenReply | RunReply>;

  /**
   * @param where names the model in messages
   * @param maxMs time for loading a model, and for each run
   * @param amplitude of the first of the samples that it runs on
   */
  constructor(
    private readonly where: string,
    maxMs: number,
    private readonly amplitude = 1,
  ) {
    // The compiled process, also for unit tests, which import the source.
    const module = new URL('../../dist/onnx/probe-process.js', import.meta.url);
    const maxBytes = totalmem() * maxProbeMemoryShare;
    this.pool = new ProcessPool({ module, processes: 1, maxMs, maxBytes });
  }

  /**
   * Loads a model so that one run tells the shapes of inner tensors: ONNX Runtime's word, not an inference
   * of ours. The tensors themselves are not kept, only their shapes. The model loaded before is dropped.
   * @param sampleShape of the model's input, without the batch dimension
   * @param tensors whose shape to tell
   * @param typed those of them whose type to tell
   * @throws OfframpError `MODEL_INVALID`, `MODEL_UNSUPPORTED` where ONNX Runtime refuses the model, or cannot load it
   *   within bounds
   */
  async open(
    model: OnnxModel,
    sampleShape: readonly number[],
    tensors: readonly string[],
    typed: readonly string[],
  ): Promise<Probe> {
    // ONNX Runtime hands tensors over as properties of objects, and some names cannot be properties. So the input and all
    // outputs get names of ours.
    const input = takeName(namesIn(model.graph), 'probe_input');
    const renames = new Map([[model.input.name, input]]);
    const graph = changed(onnx.GraphProto, model.graph, {
      node: model.graph.node.map((node) => renameNode(node, renames)),
      input: [changed(onnx.ValueInfoProto, model.input, { name: input })],
      initializer: [...model.graph.initializer],
      output: [],
      valueInfo: [],
    });
    const editor = new GraphEditor(changed(onnx.ModelProto, model.proto, { graph }));
    const outputsOf = (operator: 'Identity' | 'Shape', of: readonly string[]) =>
      new Map(
        [...new Set(of)].map((tensor) => {
          const name = editor.uniqueName(`probe_output_${graph.output.length}`);
          editor.addNode(operator, [renames.get(tensor) ?? tensor], [name]);
          graph.output.push(new onnx.ValueInfoProto({ name }));
          return [tensor, name] as const;
        }),
      );
    const output = model.output.name;
    const valueNames = outputsOf('Identity', [output, ...typed]);
    const shapeNames = outputsOf('Shape', [output, ...tensors, ...typed]);
    const { types } = await this.load(writeModel(editor.proto), model);
    return {
      typeOf: (tensor) => types.get(valueNames.get(tensor) ?? ''),
      run: async (batch, fetched = []) => {
        const { values, shapes } = (await this.ask({
          ...{ input, shape: [batch, ...sampleShape], amplitude: this.amplitude },
          values: [output, ...fetched].map((tensor) => valueNames.get(tensor) as string),
          shapes: [...shapeNames.values()],
        })) as RunReply;
        const [first, ...others] = values;
        return {
          shapes: new Map([...shapeNames.keys()].map((tensor, i) => [tensor, shapes[i] ?? []])),
          output: (first?.data ?? new Float32Array()) as Float32Array,
          values: new Map(others.map((value, i) => [fetched[i] ?? '', value])),
        };
      },
    };
  }

  close(): void {
    this.pool.close();
  }

  private async load(bytes: Uint8Array, model: OnnxModel): Promise<OpenReply> {
    try {
      return (await this.ask({ open: bytes })) as OpenReply;
    } catch (cause) {
      if (isOfframpError(cause)) throw cause;
      const problem = runtimeMessage(cause);
      if (!isUnsupported(problem)) {
        throw new OfframpError('MODEL_INVALID', `${this.where}: ONNX Runtime refuses it: ${problem}`, {
          cause,
        });
      }
      const foreign = foreignNodes(model.proto);
      const found = foreign.length > 0 ? `; not of ONNX's operator set are ${listOperators(foreign)}` : '';
      throw new OfframpError(
        'MODEL_UNSUPPORTED',
        `${this.where}: ONNX Runtime refuses it: ${problem}${found}`,
        { ...hintFor(problem, foreign.length > 0), cause },
      );
    }
  }

  private async ask(request: ProbeRequest): Promise<OpenReply | RunReply> {
    try {
      return await this.pool.run(request);
    } catch (error) {
      if (!(error instanceof ProcessFailure) || error.reason === 'error') throw error;
      const { reason, message } = error;
      if (reason === 'start') throw new OfframpError('INTERNAL', `the process that runs models ${message}`);
      const step = 'open' in request ? 'loading it' : `a run on a batch of ${request.shape[0]}`;
      throw new OfframpError(
        reason === 'ended' ? 'MODEL_INVALID' : 'MODEL_UNSUPPORTED',
        `${this.where}: ${step} ${message}`,
        { cause: error },
      );
    }
  }
}

const unsupported = [
  ...['No Op registered', 'not a registered function', 'find an implementation', 'Unsupported model IR'],
  ...['only *guarantees* support', 'not support', 'NOT_IMPLEMENTED'],
];

/** What it says of a model that is newer than itself. */
const tooNew = /guarantees\* support|Unsupported model IR/;
const tooNewHint = 'Export the model for an operator set that ONNX Runtime knows, such as opset_version=17.';

/** Whether ONNX Runtime says that it lacks something, rather than that something is wrong. */
export function isUnsupported(problem: string): boolean {
  return unsupported.some((words) => problem.includes(words));
}

function hintFor(problem: string, hasForeign: boolean): { hint?: string } {
  if (hasForeign) return { hint: noNetworkHint };
  return tooNew.test(problem) ? { hint: tooNewHint } : {};
}

/** Nodes of operators that neither ONNX nor the model itself defines. */
function foreignNodes({ graph, functions }: onnx.ModelProto): onnx.NodeProto[] {
  const own = new Set(functions.map(({ domain, name }) => `${domain}.${name}`));
  return [...(graph?.node ?? []), ...functions.flatMap(({ node }) => node)]
    .flatMap(withInnerNodes)
    .filter(({ domain, opType }) => !isDefaultDomain(domain) && !own.has(`${domain}.${opType}`));
}

/** What ONNX Runtime says, without the place in its own source that it puts before it. */
export function runtimeMessage(error: unknown): string {
  return messageOf(error)
    .replaceAll(/\/\S*onnxruntime\/core\/\S+:\d+ [^()]*\([^()]*\)( const)? /g, '')
    .trim();
}
