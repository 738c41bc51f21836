import { expect, it } from 'vitest';
import { GraphEditor } from './graph-editor.js';
import { profileBackbone } from './profile.js';
import { readModel } from './read-model.js';
import { writeModel } from './write-model.js';

it('counts the widest place of a model, and what lives across it', async () => {
  const g = GraphEditor.create('x', [2, 8, 8], 17);
  const weights = (name: string, to: number, from: number) =>
    g.addInitializer(
      name,
      [to, from, 1, 1],
      Float32Array.from({ length: to * from }, (_, i) => Math.sin(i + 1)),
    );
  g.addNode('Conv', ['x', weights('w1', 4, 2)], ['narrow']);
  g.addNode('Conv', ['narrow', weights('w2', 100, 4)], ['wide']);
  g.addNode('Relu', ['wide'], ['positive']);
  g.addNode('Conv', ['positive', weights('w3', 4, 100)], ['after']);
  g.addNode('Add', ['narrow', 'after'], ['sum']);
  g.addNode('GlobalAveragePool', ['sum'], ['pooled']);
  g.addNode('Flatten', ['pooled'], ['logits']);
  g.addOutput('logits', [4]);
  const { samplePeakBytes } = await profileBackbone(readModel(writeModel(g.proto), 'wide.onnx'));
  // `narrow` lives on to the sum; the wide tensor is there before and after its ReLU.
  expect(samplePeakBytes).toBe(4 * 64 * (4 + 100 + 100));
});
