import { elementsOf, stageTensors } from '@offramp/bundle';
import { exportForward } from '../autodiff/export-forward.js';
import { GraphBuilder } from '../autodiff/graph-builder.js';
import { startModel } from '../autodiff/session.js';
import type { Tensor } from '../autodiff/tensor.js';
import { batchOf } from '../onnx/value-info.js';
import { writeModel } from '../onnx/write-model.js';
import type { Boundary } from './boundary.js';
import { carriedRowsOf, carriedSymbols } from './carried-answer.js';
import { buildDecoder, buildEncoder, type ChannelStatistics } from './codec-graph.js';

/** What a training found. */
export interface CodecParameters {
  statistics: ChannelStatistics;
  values: ReadonlyMap<string, Float32Array>;
}

/** Lengths of the parts of a code that have a table each: its channels, and the carried answer. */
export function codeParts({ design, carried }: Boundary): number[] {
  const { channels, sides } = design.code;
  const parts = new Array<number>(channels).fill(elementsOf(sides));
  return carried > 0 ? [...parts, carried] : parts;
}

/** Number of symbols of a code. */
export function codeLength(boundary: Boundary): number {
  return codeParts(boundary).reduce((sum, length) => sum + length, 0);
}

/**
 * The encoder as it runs on a device: from the activation to the code's symbols.
 * @param step of the quantiser
 * @returns an ONNX file
 */
export function exportEncoder(boundary: Boundary, parameters: CodecParameters, step: number): Uint8Array {
  const { design, carried } = boundary;
  const shape = fullShape(boundary);
  const g = new GraphBuilder();
  const activation = g.input(stageTensors.activation, [1, ...shape]);
  const own = design.shape[0] as number;
  const values = carried > 0 ? g.slice(activation, 1, 0, own) : activation;
  const code = buildEncoder(g, values, design, parameters.statistics);
  const symbols = g.flatten(g.round(g.mul(code, 1 / step)));
  const rows = carried > 0 ? g.slice(activation, 1, own, shape[0] as number) : null;
  const all = rows ? g.concat([symbols, carriedSymbols(g, rows, carried)], 1) : symbols;
  return written(g, stageTensors.activation, { name: stageTensors.code, tensor: all }, parameters);
}

/** The decoder as it runs on a worker: from the code's symbols to the activation. @returns an ONNX file */
export function exportDecoder(boundary: Boundary, parameters: CodecParameters, step: number): Uint8Array {
  const { design, carried } = boundary;
  const shape = fullShape(boundary);
  const { channels, sides } = design.code;
  const length = codeLength(boundary);
  const g = new GraphBuilder();
  const symbols = g.input(stageTensors.code, [1, length]);
  const own = carried > 0 ? g.slice(symbols, 1, 0, length - carried) : symbols;
  const code = g.reshape(g.mul(own, step), [-1, channels, ...sides]);
  const values = buildDecoder(g, code, design, parameters.statistics);
  if (carried === 0) {
    return written(g, stageTensors.code, { name: stageTensors.activation, tensor: values }, parameters);
  }
  const rows = [(shape[0] as number) - (design.shape[0] as number), ...shape.slice(1)];
  const answer = carriedRowsOf(g, g.slice(symbols, 1, length - carried, length), rows);
  const all = g.concat([values, answer], 1);
  return written(g, stageTensors.code, { name: stageTensors.activation, tensor: all }, parameters);
}

/** With carried rows. */
function fullShape({ bundle, stage }: Boundary): readonly number[] {
  return bundle.manifest.stages[stage]?.inputShape ?? [];
}

function written(
  g: GraphBuilder,
  input: string,
  output: { name: string; tensor: Tensor },
  { values }: CodecParameters,
): Uint8Array {
  const shape = g.inputs.get(input)?.shape ?? [];
  const editor = startModel([{ name: input, shape: [null, ...shape.slice(1)], type: 'float32' }]);
  exportForward(editor, {
    graph: g,
    outputs: { [output.name]: output.tensor },
    values,
    inputs: { [input]: input },
    prefix: 'codec_',
  });
  editor.graph.output = [batchOf(output.name, output.tensor.shape.slice(1))];
  return writeModel(editor.proto);
}
