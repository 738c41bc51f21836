import { propertyNames, unreadableNames } from '@offramp/runtime/testing';
import Long from 'long';
import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import { openBackbone } from '../branches/backbone-runner.js';
import { GraphEditor } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { addWeight, failureOf, redeclaredModel, type SmallModel, smallModel } from './testing/small-model.js';
import { writeModel } from './write-model.js';

const picture: SmallModel = { inputShape: [2, 8, 8] };

/** conv 3×3 to 4 channels, ReLU, then whatever; `features` has shape [N, 4, 8, 8]. */
function addConvolution(g: GraphEditor): void {
  const weight = addWeight(g, 'conv_w', [4, 2, 3, 3]);
  g.addNode('Conv', ['x', weight], ['conv'], { pads: { ints: [1, 1, 1, 1] } });
  g.addNode('Relu', ['conv'], ['features']);
}

/** Global pooling and a linear classifier from `features` to `to`. */
function addClassifier(g: GraphEditor, to = 'y'): void {
  g.addNode('GlobalAveragePool', ['features'], ['pooled']);
  g.addNode('Flatten', ['pooled'], ['flat']);
  g.addNode('Gemm', ['flat', addWeight(g, 'w', [4, 3])], [to]);
}

const redeclared = (build: (g: GraphEditor) => void, dimensions: (number | string)[] | null) =>
  redeclaredModel(build, dimensions, picture);

describe('profileBackbone', () => {
  it('tells shapes, costs and kinds', async () => {
    const profile = await profileBackbone(
      smallModel((g) => {
        addConvolution(g);
        addClassifier(g);
      }, picture),
    );
    const conv = 4 * 64 * 18;
    expect(profile).toMatchObject({
      input: { name: 'x', shape: [2, 8, 8] },
      output: { name: 'y', classes: 3, kind: 'logits' },
      macs: conv + 12,
      parameters: 72 + 12,
      uncounted: [],
    });
    const common = { cumulativeMacs: conv, cumulativeParameters: 72 };
    expect(profile.cutPoints).toEqual([
      { tensor: 'conv', shape: [4, 8, 8], activationBytes: 1024, ...common },
      { tensor: 'features', shape: [4, 8, 8], activationBytes: 1024, ...common },
      { tensor: 'pooled', shape: [4, 1, 1], activationBytes: 16, ...common },
      { tensor: 'flat', shape: [4], activationBytes: 16, ...common },
    ]);
  });

  it('tells probabilities from logits', async () => {
    const profile = await profileBackbone(
      smallModel((g) => {
        addConvolution(g);
        addClassifier(g, 'scores');
        g.addNode('Softmax', ['scores'], ['y'], { axis: { i: 1 } });
      }, picture),
    );
    expect(profile.output).toEqual({ name: 'y', classes: 3, kind: 'probabilities' });
    expect(profile.cutPoints.at(-1)?.tensor).toBe('scores');
  });

  it('takes scores that are no numbers for logits', async () => {
    const model = smallModel((g) => {
      addConvolution(g);
      g.addNode('GlobalAveragePool', ['features'], ['pooled']);
      g.addNode('Flatten', ['pooled'], ['flat']);
      g.addNode(
        'Gemm',
        ['flat', g.addInitializer('w', [4, 3], new Float32Array(12).fill(Number.NaN))],
        ['y'],
      );
    }, picture);
    expect((await profileBackbone(model)).output.kind).toBe('logits');
  });

  it('leaves out cut points that are no float32 batch', async () => {
    const profile = await profileBackbone(
      smallModel((g) => {
        addConvolution(g);
        g.addNode('Transpose', ['features'], ['batch_last'], { perm: { ints: [1, 2, 3, 0] } });
        g.addNode('Transpose', ['batch_last'], ['batch_first'], { perm: { ints: [3, 0, 1, 2] } });
        g.addNode('Cast', ['batch_first'], ['doubles'], { to: { i: 11 } });
        g.addNode('Cast', ['doubles'], ['floats'], { to: { i: 1 } });
        g.addNode('GlobalAveragePool', ['floats'], ['pooled']);
        g.addNode('Flatten', ['pooled'], ['flat']);
        g.addNode('Gemm', ['flat', addWeight(g, 'w', [4, 3])], ['y']);
      }, picture),
    );
    expect(profile.cutPoints.map(({ tensor }) => tensor)).toEqual([
      ...['conv', 'features', 'batch_first', 'floats', 'pooled', 'flat'],
    ]);
  });

  it('flattens scores that stand in [batch, classes, 1, 1]', async () => {
    const profile = await profileBackbone(
      smallModel(
        (g) => {
          addConvolution(g);
          g.addNode('GlobalAveragePool', ['features'], ['y']);
        },
        { ...picture, outputShape: [4, 1, 1] },
      ),
    );
    expect(profile.output).toEqual({ name: 'y_flat', classes: 4, kind: 'logits' });
  });

  const withWrittenBatch = (g: GraphEditor) => {
    addConvolution(g);
    g.addNode('GlobalAveragePool', ['features'], ['pooled']);
    g.addNode('Reshape', ['pooled', g.addInitializer('to', [2], BigInt64Array.of(1n, -1n))], ['flat']);
    g.addNode('Gemm', ['flat', addWeight(g, 'w', [4, 3])], ['a']);
    g.addNode('Reshape', ['a', g.addInitializer('same', [2], BigInt64Array.of(1n, 3n))], ['y']);
  };

  it('makes a batch size dynamic that is written into input and reshapes', async () => {
    const profile = await profileBackbone(redeclared(withWrittenBatch, [1, 2, 8, 8]));
    expect(profile.cutPoints.map(({ tensor }) => tensor)).toEqual([
      'conv',
      'features',
      'pooled',
      'flat',
      'a',
    ]);
    expect(profile.input.shape).toEqual([2, 8, 8]);
  });

  it('says so where a batch size cannot be made dynamic', async () => {
    const model = redeclared(
      (g) => {
        addConvolution(g);
        g.addNode('Concat', ['features', addWeight(g, 'token', [1, 4, 1, 8])], ['joined'], {
          axis: { i: 2 },
        });
        g.addNode('GlobalAveragePool', ['joined'], ['pooled']);
        g.addNode('Flatten', ['pooled'], ['flat']);
        g.addNode('Gemm', ['flat', addWeight(g, 'w', [4, 3])], ['y']);
      },
      [1, 2, 8, 8],
    );
    expect(await failureOf(() => profileBackbone(model))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(
        /any batch as if it were alone; a batch of another size fails: .*Concat/s,
      ),
    });
  });

  it('refuses a model whose samples look at each other', async () => {
    const model = smallModel((g) => {
      addConvolution(g);
      g.addNode('ReduceMean', ['features'], ['mean'], { axes: { ints: [0] } });
      g.addNode('Sub', ['features', 'mean'], ['centred']);
      g.addNode('Flatten', ['centred'], ['flat']);
      g.addNode('Gemm', ['flat', addWeight(g, 'w', [256, 3])], ['y']);
    }, picture);
    expect(await failureOf(() => profileBackbone(model))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/answered differently when another shares its batch/),
    });
  });

  const plain = (g: GraphEditor) => {
    addConvolution(g);
    addClassifier(g);
  };

  it('asks for dimensions that the model leaves open', async () => {
    const model = redeclared(plain, ['N', 2, 'H', 'W']);
    expect(await failureOf(() => profileBackbone(model))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/expected a fixed sample shape; input x is declared as \[N, 2, H, W\]/),
      hint: expect.stringMatching(/--input-shape/),
    });
    expect((await profileBackbone(model, { inputShape: [2, 6, 6] })).cutPoints[0]?.shape).toEqual([4, 6, 6]);
    expect(await failureOf(() => profileBackbone(model, { inputShape: [3, 6, 6] }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/found 3,6,6; small\.onnx declares input x as \[N, 2, H, W\]/),
    });
    expect((await profileBackbone(redeclared(plain, null), { inputShape: [2, 4, 4] })).input.shape).toEqual([
      2, 4, 4,
    ]);
  });

  it('takes tensors of any names for tensors', async () => {
    const answersOf = async ([input, cut, output]: readonly [string, string, string]) => {
      const g = GraphEditor.create(input, [4], 17);
      g.addNode('MatMul', [input, addWeight(g, 'first', [4, 4])], [cut]);
      g.addNode('Relu', [cut], ['relu']);
      g.addNode('Gemm', ['relu', addWeight(g, 'last', [4, 3])], [output]);
      g.addOutput(output, [3]);
      const profile = await profileBackbone(readModel(writeModel(g.proto), 'named.onnx'));
      const runner = await openBackbone(profile, 1, profile.cutPoints, (_, names) =>
        names.map((name) => ({ name, shape: [4] })),
      );
      const ran = await runner.run(Float32Array.of(1, -2, 3, 0.5), 1);
      await runner.close();
      return { ran, macs: profile.macs, cutPoints: profile.cutPoints.map(({ tensor }) => tensor) };
    };
    const [first, second, third] = propertyNames;
    const unreadable = [...unreadableNames.values()].filter((name) => name !== '').join('');
    const plain = await answersOf(['x', 'cut', 'y']);
    for (const names of [
      [first, second, third],
      [second, third, first],
      [third, first, second],
      [unreadable, `${unreadable}2`, `${unreadable}3`],
    ] as const) {
      expect(await answersOf(names)).toEqual({ ...plain, cutPoints: [names[1], 'relu'] });
    }
  });

  it('refuses an output that is no score per class', async () => {
    const model = smallModel(addConvolution, picture);
    model.graph.node.push(new onnx.NodeProto({ opType: 'Relu', input: ['features'], output: ['y'] }));
    expect(await failureOf(() => profileBackbone(model))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/one score per class, \[batch, classes\]; found \[batch, 4, 8, 8\]/),
    });
  });

  it('takes a model that runs only once ONNX Runtime has folded its constants', async () => {
    const typed = (name: string) =>
      new onnx.ValueInfoProto({
        name,
        type: new onnx.TypeProto({ tensorType: new onnx.TypeProto.Tensor({ elemType: 1 }) }),
      });
    const node = (opType: string, input: string[], output: string, to?: number) =>
      new onnx.NodeProto({
        ...{ opType, input, output: [output], name: output },
        attribute: to ? [new onnx.AttributeProto({ name: 'to', type: 2, i: Long.fromNumber(to) })] : [],
      });
    const taken = [node('Identity', ['hidden'], 'same')];
    // ONNX Runtime has no Selu of doubles.
    const other = [
      node('Cast', ['hidden'], 'doubles', 11),
      node('Selu', ['doubles'], 'activated'),
      node('Cast', ['activated'], 'floats', 1),
    ];
    const folding = smallModel((g) => {
      g.addNode('MatMul', ['x', addWeight(g, 'a', [4, 4])], ['hidden']);
      const size = g.addInitializer('four', [], BigInt64Array.of(4n));
      g.addNode('Size', ['a'], ['sixteen']);
      g.addNode('Less', [size, 'sixteen'], ['condition']);
      g.addNode('If', ['condition'], ['chosen'], {
        then_branch: { g: new onnx.GraphProto({ name: 'taken', node: taken, output: [typed('same')] }) },
        else_branch: { g: new onnx.GraphProto({ name: 'other', node: other, output: [typed('floats')] }) },
      });
      g.addNode('Relu', ['chosen'], ['relu']);
      g.addNode('MatMul', ['relu', addWeight(g, 'b', [4, 3])], ['y']);
    });
    expect((await profileBackbone(folding)).output).toMatchObject({ classes: 3, kind: 'logits' });
  });

  it('names the operators of a model that leaves nothing to cut, or that nothing here runs', async () => {
    const foreign = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('Frobnicate', ['a'], ['y']);
    });
    const [, unknown] = foreign.graph.node;
    if (unknown) unknown.domain = 'example.custom';
    foreign.proto.opsetImport.push(
      new onnx.OperatorSetIdProto({ domain: 'example.custom', version: Long.ONE }),
    );
    expect(await failureOf(() => profileBackbone(foreign))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/not of ONNX's operator set are example\.custom\.Frobnicate$/),
    });
    const whole = smallModel((g) => g.addNode('MatMul', ['x', addWeight(g, 'w', [4, 3])], ['y']));
    expect(await failureOf(() => profileBackbone(whole))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/found none: the model is MatMul$/),
    });
    const doubles = smallModel((g) => {
      g.addNode('Cast', ['x'], ['doubles'], { to: { i: 11 } });
      g.addNode('Unsqueeze', ['doubles', g.addInitializer('first', [1], BigInt64Array.of(0n))], ['steps']);
      for (const [name, width] of [
        ['w', 4],
        ['r', 3],
      ] as const) {
        addWeight(g, `${name}_float`, [1, 12, width]);
        g.addNode('Cast', [`${name}_float`], [name], { to: { i: 11 } });
      }
      g.addNode('LSTM', ['steps', 'w', 'r'], ['', 'state'], { hidden_size: { i: 3 } });
      g.addNode('Squeeze', ['state', 'first'], ['last']);
      g.addNode('Cast', ['last'], ['y'], { to: { i: 1 } });
    });
    expect(await failureOf(() => profileBackbone(doubles))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/LSTM operator does not support double yet/),
    });
  });

  it('hands on what ONNX Runtime says of a model that it refuses', async () => {
    const unknown = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('Frobnicate', ['a'], ['y']);
    });
    expect(await failureOf(() => profileBackbone(unknown))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/ONNX Runtime refuses it: .*Frobnicate/s),
    });
    const future = smallModel(
      (g) => {
        g.addNode('Relu', ['x'], ['a']);
        g.addNode('Tanh', ['a'], ['y']);
      },
      { opset: 999 },
    );
    expect(await failureOf(() => profileBackbone(future))).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/ONNX Runtime refuses it: ONNX Runtime only/),
    });
    const broken = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('Gemm', ['a', addWeight(g, 'w', [5, 3])], ['y']);
    });
    expect(await failureOf(() => profileBackbone(broken))).toMatchObject({ code: 'MODEL_INVALID' });
  });
});
