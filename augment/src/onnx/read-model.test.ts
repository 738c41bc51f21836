import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Long from 'long';
import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import { GraphEditor } from './graph-editor.js';
import { readModel, readModelBytes } from './read-model.js';
import { addWeight, failureOf, smallModelBytes } from './testing/small-model.js';
import { batchOf } from './value-info.js';
import { writeModel } from './write-model.js';

const valid = smallModelBytes((g) => {
  g.addNode('Gemm', ['x', addWeight(g, 'w', [4, 3])], ['a']);
  g.addNode('Relu', ['a'], ['y']);
});

/** A valid model with something changed. */
function altered(change: (proto: onnx.ModelProto, graph: onnx.GraphProto) => void): Uint8Array {
  const proto = onnx.ModelProto.decode(valid);
  change(proto, proto.graph as onnx.GraphProto);
  return writeModel(proto);
}

describe('readModel', () => {
  it('tells input, output and operator set', () => {
    const model = readModel(valid, 'm.onnx');
    expect([model.input.name, model.output.name, model.opset]).toEqual(['x', 'y', 17]);
  });

  it.each([
    ['nothing', new Uint8Array(), /m\.onnx is empty/],
    [
      'a text',
      Buffer.from('hello, this is no model at all'),
      /expected an ONNX model; this is something else, or only a part/,
    ],
    ['a PNG picture', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1'), /this is a PNG picture/],
    [
      'a PyTorch checkpoint',
      Buffer.from('PK\x03\x04archive/data.pkl'),
      /this is a ZIP archive or PyTorch checkpoint/,
    ],
    [
      'a Git LFS pointer',
      Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
      /this is a pointer of Git LFS/,
    ],
    ['zeros', new Uint8Array(64), /expected an ONNX model/],
  ])('refuses %s', async (_, bytes, message) => {
    const error = await failureOf(() => readModel(bytes, 'm.onnx'));
    expect(error).toMatchObject({ code: 'MODEL_INVALID', message: expect.stringMatching(message) });
  });

  it('refuses a model cut off anywhere', async () => {
    for (let length = 0; length < valid.length; length++) {
      const error = await failureOf(() => readModel(valid.subarray(0, length), 'm.onnx'));
      expect(error, `${length} bytes`).toMatchObject({ code: 'MODEL_INVALID' });
    }
  });

  it.each<[string, string, RegExp, Uint8Array]>([
    [
      'no graph',
      'MODEL_INVALID',
      /holds no graph/,
      altered((proto) => {
        proto.graph = null;
      }),
    ],
    [
      'no operator set',
      'MODEL_INVALID',
      /version of the ONNX operator set/,
      altered((proto) => {
        proto.opsetImport = [];
      }),
    ],
    [
      'a tree ensemble, which has operators of another set only',
      'MODEL_UNSUPPORTED',
      /expected a neural network.*found only those of ai\.onnx\.ml: ai\.onnx\.ml\.TreeEnsembleClassifier$/,
      altered((proto, graph) => {
        const domain = 'ai.onnx.ml';
        proto.opsetImport = [new onnx.OperatorSetIdProto({ domain, version: Long.fromNumber(3) })];
        graph.node = [
          new onnx.NodeProto({ opType: 'TreeEnsembleClassifier', domain, input: ['x'], output: ['y'] }),
        ];
      }),
    ],
    [
      'no input',
      'MODEL_INVALID',
      /expected a graph input/,
      altered((_, graph) => {
        graph.input = [];
        graph.initializer.push(new onnx.TensorProto({ name: 'x' }));
      }),
    ],
    [
      'several inputs',
      'MODEL_UNSUPPORTED',
      /expected one input.*2: x, mask/,
      altered((_, graph) => {
        graph.input.push(batchOf('mask', [4]));
      }),
    ],
    [
      'no output',
      'MODEL_INVALID',
      /expected a graph output/,
      altered((_, graph) => {
        graph.output = [];
      }),
    ],
    [
      'several outputs',
      'MODEL_UNSUPPORTED',
      /expected one output.*2: y \[N, 3\], a \[N, 3\]/,
      altered((_, graph) => {
        graph.output.push(batchOf('a', [3]));
      }),
    ],
    [
      'another input type',
      'MODEL_UNSUPPORTED',
      /input x to be of one of float32, float16, .*; found int64/,
      altered((_, graph) => {
        const type = graph.input[0]?.type?.tensorType;
        if (type) type.elemType = 7;
      }),
    ],
    [
      'external weights that were not read',
      'MODEL_INVALID',
      /expected weights inside the model, found w in another file/,
      altered((_, graph) => {
        const [weight] = graph.initializer;
        if (!weight) return;
        weight.dataLocation = 1;
        weight.externalData = [new onnx.StringStringEntryProto({ key: 'location', value: 'weights.bin' })];
      }),
    ],
    [
      'a tensor that nothing writes',
      'MODEL_INVALID',
      /Relu node Relu_y reads tensor nowhere/,
      altered((_, graph) => {
        graph.node[1] = new onnx.NodeProto({ ...graph.node[1], input: ['nowhere'] });
      }),
    ],
    [
      'a tensor written twice',
      'MODEL_INVALID',
      /tensor a is written more than once/,
      altered((_, graph) => {
        graph.node.push(new onnx.NodeProto({ opType: 'Tanh', input: ['x'], output: ['a'] }));
      }),
    ],
    [
      'a cycle',
      'MODEL_INVALID',
      /has a cycle at Gemm node Gemm_a/,
      altered((_, graph) => {
        graph.node[0] = new onnx.NodeProto({ ...graph.node[0], input: ['y', 'w'] });
      }),
    ],
  ])('refuses %s', async (_, code, message, bytes) => {
    const error = await failureOf(() => readModel(bytes, 'm.onnx'));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('takes initialisers that are listed as inputs, as old models have it', () => {
    const bytes = altered((proto, graph) => {
      proto.irVersion = Long.fromNumber(3);
      graph.input.unshift(new onnx.ValueInfoProto({ name: 'w' }));
    });
    const model = readModel(bytes, 'm.onnx');
    expect(model.input.name).toBe('x');
    expect(model.graph.input).toHaveLength(1);
    expect(model.proto.irVersion.toNumber()).toBe(4);
  });

  it('keeps every bit of what it reads', () => {
    const editor = GraphEditor.create('x', [4], 17);
    const odd = new Float32Array(Uint32Array.of(0x7fa0_0001, 0x8000_0000, 1, 0xff80_0000).buffer);
    editor.addInitializer('odd', [4], odd);
    editor.addInitializer('ends', [3], BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n));
    editor.graph.initializer.push(
      new onnx.TensorProto({
        name: 'typed',
        dims: [Long.fromNumber(2)],
        dataType: 7,
        int64Data: [Long.MAX_VALUE, Long.NEG_ONE],
      }),
    );
    editor.addNode('Relu', ['x'], ['a']);
    editor.addNode('Slice', ['a'], ['y'], { starts: { ints: [0] }, axes: { ints: [1] } });
    const slice = editor.graph.node[1];
    slice?.attribute.push(new onnx.AttributeProto({ name: 'ends', type: 7, ints: [Long.MAX_VALUE] }));
    editor.addOutput('y', [4]);
    const bytes = writeModel(editor.proto);
    expect(writeModel(readModel(bytes, 'm.onnx').proto)).toEqual(bytes);
  });

  it('keeps fields that it does not know', () => {
    // Field 16 of a NodeProto, metadata of a later version of the format.
    const unknown = Uint8Array.of(0x82, 0x01, 2, 0x68, 0x69);
    const bytes = altered((_, graph) => {
      const [node] = graph.node;
      if (node) node.$unknowns = [unknown];
    });
    const model = readModel(bytes, 'm.onnx');
    expect(Buffer.from(writeModel(model.proto)).includes(Buffer.from(unknown))).toBe(true);
  });
});

describe('readModelBytes', () => {
  it('reads a file, and tells a missing one from a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'offramp-model-'));
    try {
      const path = join(folder, 'm.onnx');
      await writeFile(path, valid);
      expect(Buffer.compare(await readModelBytes(path), valid)).toBe(0);
      expect(await failureOf(() => readModelBytes(folder))).toMatchObject({ code: 'MODEL_INVALID' });
      for (const absent of [join(folder, 'none.onnx'), join(path, 'none.onnx')]) {
        expect(await failureOf(() => readModelBytes(absent))).toMatchObject({
          code: 'FILE_NOT_FOUND',
          message: `${absent} does not exist`,
        });
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
