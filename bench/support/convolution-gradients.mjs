// Ways of computing the gradients of a convolution from operators of ONNX, for `bench/autodiff.mjs`.
import { Emitter } from '../../augment/dist/autodiff/emit.js';
import { gradients } from '../../augment/dist/autodiff/gradients.js';
import { GraphBuilder } from '../../augment/dist/autodiff/graph-builder.js';

function ints(editor, values) {
  return editor.addInitializer('integers', [values.length], BigInt64Array.from(values, BigInt));
}

function convAttributes(stride, pads = [1, 1, 1, 1], kernel = 3) {
  return {
    kernel_shape: { ints: [kernel, kernel] },
    strides: { ints: [stride, stride] },
    pads: { ints: pads },
  };
}

export function addForward(editor, { stride }) {
  editor.addNode('Conv', ['a', 'b'], ['result'], convAttributes(stride));
}

export function addTransposed(editor, { size, stride, grid }) {
  const rest = (size - 1) % stride;
  const swap = { perm: { ints: [1, 0, 2, 3] } };
  editor.addNode('Transpose', ['a'], ['at'], swap);
  editor.addNode('Transpose', ['b'], ['bt'], swap);
  editor.addNode('Conv', ['at', 'bt'], ['rt'], {
    ...convAttributes(1, [1, 1, 1 - rest, 1 - rest], grid),
    dilations: { ints: [stride, stride] },
  });
  editor.addNode('Transpose', ['rt'], ['result'], swap);
}

export function addSlices(editor, c) {
  editor.addNode('Pad', ['a', ints(editor, [0, 0, 1, 1, 0, 0, 1, 1])], ['padded']);
  const taps = Array.from({ length: 9 }, (_, tap) => {
    const starts = [Math.floor(tap / 3), tap % 3];
    const ends = starts.map((start) => start + (c.grid - 1) * c.stride + 1);
    const parts = [starts, ends, [2, 3], [c.stride, c.stride]].map((values) => ints(editor, values));
    editor.addNode('Slice', ['padded', ...parts], [`tap${tap}`]);
    return `tap${tap}`;
  });
  editor.addNode('Concat', taps, ['windows'], { axis: { i: 1 } });
  addWindowProduct(editor, c, 'summed');
  editor.addNode('Reshape', ['summed', ints(editor, [c.filters, 3, 3, c.channels])], ['tapped']);
  editor.addNode('Transpose', ['tapped'], ['result'], { perm: { ints: [0, 3, 1, 2] } });
}

export function addUnfold(editor, c) {
  const oneHot = new Float32Array(c.channels * 81);
  for (let filter = 0; filter < c.channels * 9; filter++) oneHot[filter * 9 + (filter % 9)] = 1;
  const kernels = editor.addInitializer('kernels', [c.channels * 9, 1, 3, 3], oneHot);
  editor.addNode('Conv', ['a', kernels], ['windows'], {
    ...convAttributes(c.stride),
    group: { i: c.channels },
  });
  addWindowProduct(editor, c, 'summed');
  editor.addNode('Reshape', ['summed', ints(editor, [c.filters, c.channels, 3, 3])], ['result']);
}

export function addBuilders(editor, { batch, channels, filters, size, stride, grid }) {
  const g = new GraphBuilder();
  const weights = g.parameter('w', [filters, channels, 3, 3]);
  const y = g.conv(g.input('a', [batch, channels, size, size]), weights, { stride, padding: 1 });
  const loss = g.sum(g.mul(y, g.input('b', [batch, filters, grid, grid])));
  const [gradient] = gradients(loss, [weights]);
  new Emitter(editor, { inference: false, prefix: '', source: (_, name) => name }).writeAs(
    gradient,
    'result',
  );
}

function addWindowProduct(editor, { batch, channels, filters, grid }, output) {
  editor.addNode('Reshape', ['windows', ints(editor, [batch, channels * 9, grid ** 2])], ['rows']);
  editor.addNode('Reshape', ['b', ints(editor, [batch, filters, grid ** 2])], ['dy']);
  editor.addNode('Transpose', ['rows'], ['columns'], { perm: { ints: [0, 2, 1] } });
  editor.addNode('MatMul', ['dy', 'columns'], ['products']);
  editor.addNode('ReduceSum', ['products', ints(editor, [0])], [output], { keepdims: { i: 0 } });
}

export function addConvTranspose(editor, { size, stride }) {
  const rest = (size - 1) % stride;
  editor.addNode('ConvTranspose', ['a', 'b'], ['result'], {
    ...convAttributes(stride),
    output_padding: { ints: [rest, rest] },
  });
}

export function addFlipped(editor) {
  editor.addNode('Transpose', ['b'], ['bt'], { perm: { ints: [1, 0, 2, 3] } });
  const parts = [
    [-1, -1],
    [-4, -4],
    [2, 3],
    [-1, -1],
  ].map((values) => ints(editor, values));
  editor.addNode('Slice', ['bt', ...parts], ['flipped']);
  editor.addNode('Conv', ['a', 'flipped'], ['result'], convAttributes(1));
}
