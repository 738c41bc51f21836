import { GraphEditor, writeModel } from '@offramp/augment';

/** Channels of the outputs of the four groups of blocks, and how many blocks each has: the sizes of ResNet-50. */
const groups = [
  [256, 3],
  [512, 4],
  [1024, 6],
  [2048, 3],
];

/**
 * A classifier of 3 × 224 × 224 pictures with the layers of ResNet-50 (batch norms folded) and random weights: 4.1 billion
 * multiply-accumulates, 25.5 million weights, 1,000 classes.
 * @returns the bytes of its ONNX file
 */
export function residualNet() {
  const random = normalValues(1);
  const g = GraphEditor.create('input', [3, 224, 224], 17);
  let count = 0;
  const conv = (x, from, to, kernel, stride, gain) => {
    const name = `conv${count++}`;
    const deviation = gain * Math.sqrt(2 / (from * kernel * kernel));
    const values = Float32Array.from({ length: to * from * kernel * kernel }, () => deviation * random());
    const weights = g.addInitializer(`${name}_weights`, [to, from, kernel, kernel], values);
    const bias = g.addInitializer(`${name}_bias`, [to], new Float32Array(to));
    const pad = (kernel - 1) / 2;
    g.addNode('Conv', [x, weights, bias], [name], {
      kernel_shape: { ints: [kernel, kernel] },
      strides: { ints: [stride, stride] },
      pads: { ints: [pad, pad, pad, pad] },
    });
    return name;
  };
  const relu = (x) => {
    g.addNode('Relu', [x], [`${x}_relu`]);
    return `${x}_relu`;
  };
  g.addNode('MaxPool', [relu(conv('input', 3, 64, 7, 2, 1))], ['stem'], {
    kernel_shape: { ints: [3, 3] },
    strides: { ints: [2, 2] },
    pads: { ints: [1, 1, 1, 1] },
  });
  let [x, channels] = ['stem', 64];
  for (const [group, [to, blocks]] of groups.entries()) {
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 && group > 0 ? 2 : 1;
      const shortcut = block === 0 ? conv(x, channels, to, 1, stride, 0.7) : x;
      const narrow = relu(conv(x, channels, to / 4, 1, 1, 1));
      const convolved = relu(conv(narrow, to / 4, to / 4, 3, stride, 1));
      const sum = `sum${count}`;
      g.addNode('Add', [conv(convolved, to / 4, to, 1, 1, 0.3), shortcut], [sum]);
      [x, channels] = [relu(sum), to];
    }
  }
  g.addNode('GlobalAveragePool', [x], ['pooled']);
  g.addNode('Flatten', ['pooled'], ['features']);
  const classes = 1000;
  const last = Float32Array.from({ length: channels * classes }, () => random() / Math.sqrt(channels));
  g.addNode('Gemm', ['features', g.addInitializer('last_weights', [channels, classes], last)], ['logits']);
  g.addOutput('logits', [classes]);
  return writeModel(g.proto);
}

/** Standard normal values from a linear congruential generator (D. Knuth's MMIX) and Box and Muller's transform. */
function normalValues(seed) {
  let state = BigInt(seed);
  const uniform = () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return (Number(state >> 11n) + 0.5) / 2 ** 53;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
