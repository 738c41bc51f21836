import { describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import { findCutPoints } from './cut-points.js';
import { GraphEditor } from './graph-editor.js';
import { readModel } from './read-model.js';
import { addWeight, failureOf, smallModel } from './testing/small-model.js';
import { writeModel } from './write-model.js';

describe('findCutPoints', () => {
  it('finds every tensor of a chain but the input and the output', () => {
    const model = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('Tanh', ['a'], ['b']);
      g.addNode('Relu', ['b'], ['y']);
    });
    expect(findCutPoints(model)).toEqual(['a', 'b']);
  });

  it('finds none inside a residual block, and the one behind it', () => {
    const model = smallModel((g) => {
      g.addNode('Relu', ['x'], ['before']);
      g.addNode('Tanh', ['before'], ['inside']);
      g.addNode('Tanh', ['inside'], ['inside2']);
      g.addNode('Add', ['inside2', 'before'], ['sum']);
      g.addNode('Relu', ['sum'], ['y']);
    });
    expect(findCutPoints(model)).toEqual(['before', 'sum']);
  });

  it('does not take a connection from the input itself for a path that ends', () => {
    const model = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('Add', ['a', 'x'], ['b']);
      g.addNode('Relu', ['b'], ['y']);
    });
    expect(findCutPoints(model)).toEqual(['b']);
  });

  it('does not count constants as paths, nor what is computed from them', () => {
    const model = smallModel((g) => {
      const weight = addWeight(g, 'w', [3, 4]);
      g.addNode('Transpose', [weight], ['w_transposed']);
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('MatMul', ['a', 'w_transposed'], ['b']);
      g.addNode('Add', ['b', g.addInitializer('bias', [3], new Float32Array(3))], ['c']);
      g.addNode('Mul', ['c', 'c'], ['y']);
    });
    expect(findCutPoints(model)).toEqual(['a', 'b', 'c']);
  });

  it('counts the shape of an earlier tensor as a path', () => {
    const model = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('Shape', ['a'], ['a_shape']);
      g.addNode('Tanh', ['a'], ['b']);
      g.addNode('Reshape', ['b', 'a_shape'], ['c']);
      g.addNode('Relu', ['c'], ['y']);
    });
    expect(findCutPoints(model)).toEqual(['a', 'c']);
  });

  it('looks at every output of a node', () => {
    const model = smallModel((g) => {
      const halves = g.addInitializer('halves', [2], BigInt64Array.of(2n, 2n));
      g.addNode('Split', ['x', halves], ['left', 'right'], { axis: { i: 1 } });
      g.addNode('Relu', ['left'], ['left2']);
      g.addNode('Concat', ['left2', 'right'], ['joined'], { axis: { i: 1 } });
      g.addNode('Split', ['joined', halves], ['kept', 'dropped'], { axis: { i: 1 } });
      g.addNode('Relu', ['kept'], ['y']);
    });
    expect(findCutPoints(model)).toEqual(['joined', 'kept']);
  });

  it('passes over what the output does not need', () => {
    const model = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('Tanh', ['x'], ['unused']);
      g.addNode('Add', ['a', 'unused'], ['unused2']);
      g.addNode('Relu', ['a'], ['y']);
    });
    expect(findCutPoints(model)).toEqual(['a']);
  });

  it('counts what an If takes from outside as its input', () => {
    const branch = (name: string, reads: string, opType: string) =>
      new onnx.GraphProto({
        name,
        node: [new onnx.NodeProto({ opType, input: [reads], output: [`${name}_out`] })],
        output: [new onnx.ValueInfoProto({ name: `${name}_out` })],
      });
    const model = smallModel((g) => {
      g.addNode('Relu', ['x'], ['a']);
      g.addNode('Tanh', ['a'], ['b']);
      g.addNode('ReduceSum', ['b'], ['sum'], { keepdims: { i: 0 } });
      g.addNode('Cast', ['sum'], ['condition'], { to: { i: 9 } });
      g.addNode('If', ['condition'], ['c'], {
        then_branch: { g: branch('then', 'a', 'Relu') },
        else_branch: { g: branch('else', 'b', 'Tanh') },
      });
      g.addNode('Relu', ['c'], ['y']);
    });
    expect(findCutPoints(model)).toEqual(['a', 'c']);
  });

  it('puts nodes in order first', () => {
    const model = smallModel((g) => {
      g.addNode('Relu', ['b'], ['y']);
      g.addNode('Tanh', ['a'], ['b']);
      g.addNode('Relu', ['x'], ['a']);
    });
    expect(findCutPoints(model)).toEqual(['a', 'b']);
  });

  it('names what runs side by side where there is no cut point', async () => {
    const error = await failureOf(() =>
      findCutPoints(
        smallModel((g) => {
          g.addNode('Relu', ['x'], ['left']);
          g.addNode('Tanh', ['x'], ['right']);
          g.addNode('Add', ['left', 'right'], ['y']);
        }),
      ),
    );
    expect(error).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/2 run side by side, left, right/),
    });
  });

  it('says so where nothing lies between input and output', async () => {
    const error = await failureOf(() => findCutPoints(smallModel((g) => g.addNode('Relu', ['x'], ['y']))));
    expect(error).toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      message: expect.stringMatching(/found none: the model is \w+$/),
    });
  });

  it('refuses an output that does not depend on the input', async () => {
    const error = await failureOf(() =>
      findCutPoints(
        smallModel((g) => {
          g.addNode('Relu', ['x'], ['a']);
          g.addNode('Relu', [addWeight(g, 'w', [1, 3])], ['y']);
        }),
      ),
    );
    expect(error).toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(/y does not depend on input x/),
    });
  });

  it('sweeps a graph of 60,000 nodes', () => {
    const blocks = 20_000;
    const editor = GraphEditor.create('x', [4], 17);
    for (let i = 0, before = 'x'; i < blocks; i++) {
      editor.addNode('Relu', [before], [`a${i}`]);
      editor.addNode('Tanh', [`a${i}`], [`b${i}`]);
      before = i === blocks - 1 ? 'y' : `c${i}`;
      editor.addNode('Add', [`a${i}`, `b${i}`], [before]);
    }
    editor.addOutput('y', [4]);
    expect(findCutPoints(readModel(writeModel(editor.proto), 'long.onnx'))).toHaveLength(2 * blocks - 1);
  });
});
