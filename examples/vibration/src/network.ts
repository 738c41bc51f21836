import { GraphBuilder, GraphEditor, TrainingStep, writeModel } from '@offramp/augment';
import { channels, kinds, windowSamples } from './signal.js';
import type { Windows } from './windows.js';

interface Layer {
  filters: number;
  /** Samples that a filter spans. */
  kernel: number;
  stride: number;
}

const layers: readonly Layer[] = [
  { filters: 16, kernel: 9, stride: 2 },
  { filters: 24, kernel: 9, stride: 2 },
  { filters: 32, kernel: 5, stride: 2 },
  { filters: 48, kernel: 5, stride: 2 },
  { filters: 64, kernel: 3, stride: 1 },
];

const batch = 64;
const learningRate = 3e-3;
const weightDecay = 1e-2;

const padding = ({ kernel }: Layer) => (kernel - 1) / 2;
const widthBefore = (layer: number) => layers[layer - 1]?.filters ?? channels;

/**
 * Trains a network of convolutions over time, a mean over time and a dense layer.
 * @param windowsOf an epoch; different ones, so that the network learns none by heart
 * @returns the values of its weights and biases, by name
 */
export async function trainNetwork(
  windowsOf: (epoch: number) => Windows,
  epochs: number,
  onEpoch: (epoch: number, loss: number) => void,
): Promise<Map<string, Float32Array>> {
  const g = new GraphBuilder();
  const target = g.integerInput('target', [batch]);
  // The picture of a window is one sample high.
  let x = g.reshape(g.input('signal', [batch, channels, windowSamples]), [-1, channels, 1, windowSamples]);
  layers.forEach((layer, i) => {
    const { filters, kernel, stride } = layer;
    const weights = g.parameter(`conv${i}.weights`, [filters, widthBefore(i), 1, kernel]);
    const bias = g.parameter(`conv${i}.bias`, [filters]);
    x = g.relu(g.conv(x, weights, { bias, stride: [1, stride], padding: [0, padding(layer)] }));
  });
  const weights = g.parameter('dense.weights', [widthBefore(layers.length), kinds.length]);
  const logits = g.linear(g.globalAveragePool(x), weights, g.parameter('dense.bias', [kinds.length]));
  const loss = g.neg(g.mean(g.gatherColumn(g.logSoftmax(logits), target)));
  const step = await TrainingStep.compile(g, loss, { seed: 1, optimizer: { weightDecay } });
  for (let epoch = 0; epoch < epochs; epoch++) {
    const { signals, labels } = windowsOf(epoch);
    const steps = Math.floor(signals.length / batch);
    let sum = 0;
    for (let i = 0; i < steps; i++) {
      const signal = new Float32Array(batch * channels * windowSamples);
      for (let row = 0; row < batch; row++) {
        signal.set(signals[i * batch + row] as Float32Array, row * channels * windowSamples);
      }
      const target = Int32Array.from(labels.slice(i * batch, (i + 1) * batch));
      const progress = (epoch + i / steps) / epochs;
      const rate = learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
      sum += (await step.step({ signal, target }, rate)).loss;
    }
    onEpoch(epoch, sum / steps);
  }
  const values = step.parameters();
  await step.close();
  return values;
}

/** The network as a file: input `signal` [N, channels, samples], output `logits` [N, kinds]. */
export function networkModel(values: ReadonlyMap<string, Float32Array>): Uint8Array {
  const g = GraphEditor.create('signal', [channels, windowSamples], 17);
  const weight = (name: string, dims: readonly number[]) =>
    g.addInitializer(name, dims, values.get(name) ?? new Float32Array());
  let tensor = 'signal';
  layers.forEach((layer, i) => {
    const { filters, kernel, stride } = layer;
    const inputs = [
      tensor,
      weight(`conv${i}.weights`, [filters, widthBefore(i), kernel]),
      weight(`conv${i}.bias`, [filters]),
    ];
    g.addNode('Conv', inputs, [`conv${i}`], {
      strides: { ints: [stride] },
      pads: { ints: [padding(layer), padding(layer)] },
    });
    tensor = `relu${i}`;
    g.addNode('Relu', [`conv${i}`], [tensor]);
  });
  g.addNode('GlobalAveragePool', [tensor], ['mean']);
  g.addNode('Flatten', ['mean'], ['features'], { axis: { i: 1 } });
  const dense = [
    weight('dense.weights', [widthBefore(layers.length), kinds.length]),
    weight('dense.bias', [kinds.length]),
  ];
  g.addNode('Gemm', ['features', ...dense], ['logits']);
  g.addOutput('logits', [kinds.length]);
  return writeModel(g.proto);
}
