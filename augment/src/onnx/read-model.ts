import { messageOf, OfframpError, readFile, systemCodeOf } from '@offramp/runtime';
import Long from 'long';
import protobuf from 'protobufjs/minimal.js';
import { onnx } from '#onnx';
import { externalTensors, initialiserNames, sortTopologically } from './graph.js';
import { inlineFunctions } from './inline-functions.js';
import { inputTypeOf } from './input-layout.js';
import { refuseOpenLoops } from './loops.js';
import { maxModelBytes, type OnnxModel, opsetOf } from './model.js';
import { listOperators, noNetworkHint } from './operator-names.js';
import { chooseOutput } from './outputs.js';
import { upgrade } from './upgrade.js';

/** From here on initialisers need not be listed among a graph's inputs. */
const irVersionWithFreeInitialisers = 4;

/**
 * The bytes of a model's file.
 * @throws OfframpError `FILE_NOT_FOUND`; `MODEL_INVALID` for what is no file, and for a file that is too large
 */
export async function readModelBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path, { atMost: maxModelBytes });
  } catch (cause) {
    const absent = ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '');
    throw new OfframpError(
      absent ? 'FILE_NOT_FOUND' : 'MODEL_INVALID',
      absent ? `${path} does not exist` : `cannot read ${path}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/**
 * Reads an ONNX classifier: one input of numbers, weights inside the file. Fields that
 * Offramp does not know are kept. A model of an old operator set is brought to a newer one.
 * @param where names the model in messages
 * @param output name of the output that holds the answer, where there are several
 * @throws OfframpError `MODEL_INVALID` for bytes that are no ONNX model or a damaged one;
 *   `MODEL_UNSUPPORTED` for any other kind of model; `CONFIG_INVALID` for an output that is not there
 */
export function readModel(bytes: Uint8Array, where: string, output?: string): OnnxModel {
  return modelOf(decodeModel(bytes, where), where, output);
}

/**
 * The message that a model's file holds.
 * @throws OfframpError `MODEL_INVALID`
 */
export function decodeModel(bytes: Uint8Array, where: string): onnx.ModelProto {
  checkSize(bytes.length, where);
  const proto = decode(bytes, where);
  if (proto.irVersion.toNumber() < 1 || !proto.graph || proto.graph.node.length === 0) {
    throw notOnnx(bytes, where, 'it holds no graph');
  }
  return proto;
}

/**
 * The classifier in a message.
 * @throws OfframpError as {@link readModel}
 */
export function modelOf(decoded: onnx.ModelProto, where: string, outputName?: string): OnnxModel {
  const proto = inlineFunctions(decoded, where);
  const graph = proto.graph as onnx.GraphProto;
  const opset = opsetOf(proto);
  if (opset < 1) throw withoutOperatorSet(proto, where);
  const [external] = externalTensors(proto);
  if (external) {
    throw new OfframpError(
      'MODEL_INVALID',
      `${where}: expected weights inside the model, found ${external.name} in another file`,
    );
  }
  const initialisers = new Set(initialiserNames(graph));
  graph.input = graph.input.filter(({ name }) => !initialisers.has(name));
  if (proto.irVersion.toNumber() < irVersionWithFreeInitialisers) {
    proto.irVersion = Long.fromNumber(irVersionWithFreeInitialisers);
  }
  const input = onlyInput(graph, where);
  const output = chooseOutput(graph, where, outputName);
  graph.output = [output];
  graph.node = sortTopologically(graph, where);
  refuseOpenLoops(proto, where);
  const asStored: OnnxModel = { where, proto, graph, input, output, opset, older: null };
  const upgraded = upgrade(proto, where);
  if (upgraded === proto || !upgraded.graph) return asStored;
  return { ...asStored, proto: upgraded, graph: upgraded.graph, opset: opsetOf(upgraded), older: asStored };
}

function withoutOperatorSet({ graph, opsetImport }: onnx.ModelProto, where: string): OfframpError {
  const others = opsetImport.map(({ domain }) => domain);
  if (others.length === 0) {
    return new OfframpError(
      'MODEL_INVALID',
      `${where}: expected the version of the ONNX operator set, found none; the file may be truncated`,
      { hint: 'Copy or export the file again.' },
    );
  }
  return new OfframpError(
    'MODEL_UNSUPPORTED',
    `${where}: expected a neural network of ONNX's own operators; found only those of ${others.join(', ')}: ${listOperators(graph?.node ?? [])}`,
    { hint: noNetworkHint },
  );
}

function decode(bytes: Uint8Array, where: string): onnx.ModelProto {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  try {
    return onnx.ModelProto.decode(reader);
  } catch (cause) {
    throw notOnnx(bytes, where, messageOf(cause), cause);
  }
}

function checkSize(bytes: number, where: string): void {
  if (bytes === 0) throw new OfframpError('MODEL_INVALID', `${where} is empty`);
  if (bytes > maxModelBytes) {
    throw new OfframpError('MODEL_INVALID', `${where} has ${bytes} bytes; expected at most ${maxModelBytes}`);
  }
}

/** Files that people hand over instead, by the bytes they start with (at an offset). */
const mistaken: readonly [offset: number, magic: string, what: string, hint: string][] = [
  [0, 'PK\x03\x04', 'a ZIP archive or PyTorch checkpoint', 'Export it with `torch.onnx.export`.'],
  [0, '\x80\x02', 'a Python pickle', 'Export it with `torch.onnx.export`.'],
  [0, '\x89HDF', 'an HDF5 (Keras) file', 'Convert it with tf2onnx.'],
  [4, 'TFL3', 'a TensorFlow Lite model', 'Convert it with tf2onnx.'],
  [4, 'ORTM', 'a model in ORT format', 'Take the ONNX file that it was made from.'],
  [0, 'version https://git-lfs', 'a pointer of Git LFS', 'Fetch the file itself with `git lfs pull`.'],
  [0, '\x89PNG', 'a PNG picture', ''],
  [0, '\xff\xd8\xff', 'a JPEG picture', ''],
];

function notOnnx(bytes: Uint8Array, where: string, problem: string, cause?: unknown): OfframpError {
  const head = Buffer.from(bytes.subarray(0, 32)).toString('latin1');
  const found = mistaken.find(([offset, magic]) => head.startsWith(magic, offset));
  const message = found
    ? `this is ${found[2]}`
    : `this is something else, or only a part of one (${problem})`;
  return new OfframpError('MODEL_INVALID', `${where}: expected an ONNX model; ${message}`, {
    ...(found?.[3] ? { hint: found[3] } : {}),
    cause,
  });
}

function onlyInput(graph: onnx.GraphProto, where: string): onnx.ValueInfoProto {
  const [input, ...more] = graph.input;
  if (!input) throw new OfframpError('MODEL_INVALID', `${where}: expected a graph input, found none`);
  if (more.length > 0) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected one input, the sample; found ${listNames(graph.input)}`,
      { hint: 'Make the other inputs constants of the graph before exporting it.' },
    );
  }
  inputTypeOf({ where, input });
  return input;
}

function listNames(values: readonly onnx.ValueInfoProto[]): string {
  const shown = values.slice(0, 5).map(({ name }) => name);
  return `${values.length}: ${shown.join(', ')}${values.length > shown.length ? ', …' : ''}`;
}
