import { readFile, stat } from 'node:fs/promises';
import { messageOf, OfframpError, systemCodeOf } from '@offramp/shared';
import Long from 'long';
import protobuf from 'protobufjs/minimal.js';
import { onnx } from '#onnx';
import { DataType, dataTypeName } from './data-type.js';
import { initialiserNames, sortTopologically, subgraphsOf } from './graph.js';
import { type OnnxModel, opsetOf } from './model.js';

/** The limit of the format itself: a protobuf message is smaller than 2 GiB. */
export const maxModelBytes = 2 ** 31 - 1;

/** From here on initialisers need not be listed among a graph's inputs. */
const irVersionWithFreeInitialisers = 4;

/**
 * Reads an ONNX classifier from a file.
 * @throws OfframpError `FILE_NOT_FOUND`, and what {@link readModel} throws
 */
export async function readModelFile(path: string): Promise<OnnxModel> {
  let bytes: Buffer;
  try {
    const status = await stat(path);
    if (status.isDirectory())
      throw new OfframpError('MODEL_INVALID', `${path} is a folder, not an ONNX file`);
    checkSize(status.size, path);
    bytes = await readFile(path);
  } catch (cause) {
    if (cause instanceof OfframpError) throw cause;
    const absent = ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '');
    throw new OfframpError(
      absent ? 'FILE_NOT_FOUND' : 'MODEL_INVALID',
      absent ? `${path} does not exist` : `cannot read ${path}: ${messageOf(cause)}`,
      { cause },
    );
  }
  return readModel(bytes, path);
}

/**
 * Reads an ONNX classifier: one float32 input, one output, weights inside the file. Fields that
 * Offramp does not know are kept.
 * @param where names the model in messages
 * @throws OfframpError `MODEL_INVALID` for what is no ONNX model or a broken one, `MODEL_UNSUPPORTED` for
 *   one that is no such classifier
 */
export function readModel(bytes: Uint8Array, where: string): OnnxModel {
  checkSize(bytes.length, where);
  const proto = decode(bytes, where);
  const graph = proto.graph;
  if (proto.irVersion.toNumber() < 1 || !graph || graph.node.length === 0) {
    throw notOnnx(bytes, where, 'it holds no graph');
  }
  const opset = opsetOf(proto);
  if (opset < 1) {
    throw new OfframpError(
      'MODEL_INVALID',
      `${where}: expected the version of the ONNX operator set, found none; the file may be truncated`,
    );
  }
  refuseExternalData(graph, where);

  const initialisers = new Set(initialiserNames(graph));
  graph.input = graph.input.filter(({ name }) => !initialisers.has(name));
  if (proto.irVersion.toNumber() < irVersionWithFreeInitialisers) {
    proto.irVersion = Long.fromNumber(irVersionWithFreeInitialisers);
  }
  const input = onlyInput(graph, where);
  const output = onlyOutput(graph, where);
  graph.node = sortTopologically(graph, where);
  return { where, proto, graph, input, output, opset };
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

function refuseExternalData(graph: onnx.GraphProto, where: string): void {
  const external = 1;
  const tensors = [
    ...graph.initializer,
    ...graph.sparseInitializer.flatMap(({ values, indices }) => [values, indices]),
    ...graph.node.flatMap((node) => node.attribute.flatMap(({ t, tensors }) => [t, ...tensors])),
  ];
  const found = tensors.find((tensor) => tensor?.dataLocation === external);
  if (found) {
    const file = found.externalData.find(({ key }) => key === 'location')?.value ?? 'another file';
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected weights inside the file; ${found.name} is kept in ${file}`,
      {
        hint: 'Save it as one file: onnx.save_model(onnx.load(path), path, save_as_external_data=False).',
      },
    );
  }
  for (const subgraph of graph.node.flatMap(subgraphsOf)) refuseExternalData(subgraph, where);
}

function onlyInput(graph: onnx.GraphProto, where: string): onnx.ValueInfoProto {
  const [input, ...more] = graph.input;
  if (!input) throw new OfframpError('MODEL_INVALID', `${where}: expected a graph input, found none`);
  if (more.length > 0) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected one input, the picture; found ${listNames(graph.input)}`,
      { hint: 'Make the other inputs constants of the graph before exporting it.' },
    );
  }
  const elementType = input.type?.tensorType?.elemType ?? 0;
  if (elementType !== DataType.float32) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected input ${input.name} to be float32, found ${dataTypeName(elementType)}`,
    );
  }
  return input;
}

function onlyOutput(graph: onnx.GraphProto, where: string): onnx.ValueInfoProto {
  const [output, ...more] = graph.output;
  if (!output) throw new OfframpError('MODEL_INVALID', `${where}: expected a graph output, found none`);
  if (more.length > 0) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected one output, a score per class; found ${listNames(graph.output)}`,
      {
        hint: 'Which one is the answer cannot be told from the graph. Keep only that: onnx.utils.extract_model(path, to, [input], [output]).',
      },
    );
  }
  return output;
}

function listNames(values: readonly onnx.ValueInfoProto[]): string {
  const shown = values.slice(0, 5).map(({ name }) => name);
  return `${values.length}: ${shown.join(', ')}${values.length > shown.length ? ', …' : ''}`;
}
