import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GraphEditor, writeModel } from '@offramp/augment';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../main.js';
import { captureOutput } from '../testing/captured-output.js';

/** conv 3×3 from 2 to 4 channels on 8×8, ReLU, global pooling, linear to 3 classes. */
function model(): Uint8Array {
  const g = GraphEditor.create('picture', [2, 8, 8], 17);
  const weight = (name: string, dims: number[]) =>
    g.addInitializer(
      name,
      dims,
      new Float32Array(dims.reduce((product, size) => product * size, 1)).fill(0.1),
    );
  g.addNode('Conv', ['picture', weight('conv_w', [4, 2, 3, 3])], ['conv'], { pads: { ints: [1, 1, 1, 1] } });
  g.addNode('Relu', ['conv'], ['relu']);
  g.addNode('GlobalAveragePool', ['relu'], ['pooled']);
  g.addNode('Flatten', ['pooled'], ['flat']);
  g.addNode('Gemm', ['flat', weight('w', [4, 3])], ['hidden']);
  g.addNode('Gemm', ['hidden', weight('v', [3, 3])], ['logits']);
  g.addOutput('logits', [3]);
  return writeModel(g.proto);
}

const example = fileURLToPath(new URL('../../../examples/fashion-mnist/bundle', import.meta.url));

describe('offramp inspect of a bundle', () => {
  const output = captureOutput();

  it('shows what is sent at every boundary, and says where the picture is smaller', async () => {
    await main(['inspect', example]);
    expect(output.out).toMatch(
      /^bundle {3}fashion-mnist \(\w{12}\), 6 stages, 3 on the device by default; 95\.85 M MACs$/m,
    );
    expect(output.out).toMatch(/^ +none +100\.0 % +– +– +– +\S+/m);
    expect(output.out).toMatch(/^ +3 \(default\) +\d\.\d % +17×28×28 +int8\+deflate +\S+ KiB +\S+/m);
    expect(output.out).toMatch(/^With 1, 2, 3.* the picture is smaller than the activation: /m);
  });

  it('prints the same as JSON', async () => {
    await main(['inspect', example, '--json']);
    const { boundaries } = JSON.parse(output.out);
    expect(boundaries).toHaveLength(6);
    expect(boundaries[0]).toMatchObject({ offloadShare: expect.closeTo(1), activation: null });
    expect(boundaries[3].input.bytes).toBeLessThan(boundaries[3].activation.bytes);
  });
});

describe('offramp inspect', () => {
  const output = captureOutput();
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'offramp-inspect-'));
    path = join(folder, 'model.onnx');
    await writeFile(path, model());
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('shows one cut point per cost: the one with the smallest activation', async () => {
    await main(['inspect', path]);
    expect(output.out.replaceAll(path, 'model.onnx')).toBe(`\
model.onnx: 4.6 k MACs, 93 parameters, opset 17
input picture 2×8×8, output logits 3 logits
augment takes tensors of 2×8×8 from NumPy files; --mean and --std are not needed

cut point  shape   MACs  of all  activation
flat           4  4.6 k  99.5 %        16 B
hidden         3  4.6 k  99.8 %        12 B

3 of 5 cut points cost the same as one shown; --all shows them, too
`);
  });

  it('names the tensors that bridge an expensive part without cut points', async () => {
    const g = GraphEditor.create('picture', [4], 17);
    const weight = (dims: number[]) => g.addInitializer('w', dims, new Float32Array(16).fill(0.1));
    g.addNode('Relu', ['picture'], ['a']);
    g.addNode('MatMul', ['a', weight([4, 4])], ['b']);
    g.addNode('MatMul', ['b', weight([4, 4])], ['c']);
    g.addNode('Add', ['c', 'a'], ['d']);
    g.addNode('MatMul', ['d', weight([4, 4])], ['logits']);
    g.addOutput('logits', [4]);
    await writeFile(path, writeModel(g.proto));
    await main(['inspect', path]);
    expect(output.out).toContain(
      '\nno cut point between a and d (66.7 % of all MACs): Add node Add_d reads a\n',
    );
  });

  it('uses the chosen output, and explains a single score', async () => {
    const g = GraphEditor.create('picture', [4], 17);
    const weight = (count: number) =>
      g.addInitializer('w', [4, count], new Float32Array(4 * count).fill(0.1));
    g.addNode('Relu', ['picture'], ['a']);
    g.addNode('MatMul', ['a', weight(3)], ['kind']);
    g.addNode('MatMul', ['a', weight(1)], ['faulty']);
    g.addOutput('kind', [3]);
    g.addOutput('faulty', [1]);
    await writeFile(path, writeModel(g.proto));
    await main(['inspect', path]);
    expect(output.err).toContain('found 2: kind [N, 3], faulty [N, 1]');
    await main(['inspect', path, '--output', 'faulty']);
    expect(output.out).toContain(
      'output faulty_two_classes 2 logits, of one score: that of the second class\n',
    );
  });

  it('shows where the model has integers, and counts their bytes', async () => {
    const g = GraphEditor.create('picture', [2, 8, 8], 17);
    const scale = [
      g.addInitializer('s', [], Float32Array.of(0.1)),
      g.addInitializer('z', [], Int8Array.of(0)),
    ];
    g.addNode('QuantizeLinear', ['picture', ...scale], ['integers']);
    g.addNode('DequantizeLinear', ['integers', ...scale], ['rounded']);
    g.addNode('GlobalAveragePool', ['rounded'], ['pooled']);
    g.addNode('Flatten', ['pooled'], ['flat']);
    g.addNode('Gemm', ['flat', g.addInitializer('w', [2, 3], new Float32Array(6).fill(0.5))], ['logits']);
    g.addOutput('logits', [3]);
    await writeFile(path, writeModel(g.proto));
    await main(['inspect', path, '--all']);
    expect(output.out).toMatch(/^rounded +2×8×8 +0 +0\.0 % +128 B, int8$/m);
    expect(output.out).toMatch(/^flat +2 +0 +0\.0 % +8 B$/m);
    expect(output.out).not.toContain('\nintegers ');
  });

  it('says what the input is, and what augment does about it', async () => {
    const g = GraphEditor.create('picture', [8, 8, 3], 17);
    g.addNode('Cast', ['picture'], ['numbers'], { to: { i: 1 } });
    g.addNode('Flatten', ['numbers'], ['flat']);
    g.addNode('MatMul', ['flat', g.addInitializer('w', [192, 3], new Float32Array(576))], ['sums']);
    g.addNode('Tanh', ['sums'], ['logits']);
    g.addOutput('logits', [3]);
    const tensor = g.graph.input[0]?.type?.tensorType;
    if (tensor) tensor.elemType = 2;
    await writeFile(path, writeModel(g.proto));
    await main(['inspect', path]);
    expect(output.out).toContain('\ninput picture 8×8×3 uint8, output logits 3 logits\n');
    expect(output.out).toContain(
      'augment takes pictures of 3×8×8, transposes them to channels last and rounds them to uint8; --mean and --std are not needed\n',
    );
    await main(['inspect', path, '--input-kind', 'tensor']);
    expect(output.out).toContain('augment takes tensors of 8×8×3 from NumPy files and rounds them to uint8');
    await main(['inspect', path, '--layout', 'channels-first', '--input-kind', 'picture']);
    expect(output.err).toContain(
      'error [CONFIG_INVALID]: --input-kind: expected tensor, because a picture has',
    );
  });

  it('says where no branch can pay', async () => {
    const g = GraphEditor.create('features', [4], 17);
    g.addNode('MatMul', ['features', g.addInitializer('w', [4, 3], new Float32Array(12))], ['sums']);
    g.addNode('Tanh', ['sums'], ['logits']);
    g.addOutput('logits', [3]);
    await writeFile(path, writeModel(g.proto));
    await main(['inspect', path]);
    expect(output.out).toContain('\naugment attaches no branches: the model has no cut points');
  });

  it('shows all with --all', async () => {
    await main(['inspect', path, '--all']);
    const cutPoints = ['conv', 'relu', 'pooled', 'flat', 'hidden'];
    expect(cutPoints.filter((name) => output.out.includes(`\n${name} `))).toEqual(cutPoints);
    expect(output.out).not.toContain('--all');
  });

  it('prints everything as one object with --json', async () => {
    await main(['inspect', path, '--json']);
    const parsed = JSON.parse(output.out) as { macs: number; cutPoints: unknown[] };
    expect(parsed).toMatchObject({ model: path, opset: 17, macs: 4608 + 12 + 9, parameters: 93 });
    expect(parsed.cutPoints[0]).toEqual({
      tensor: 'conv',
      shape: [4, 8, 8],
      cumulativeMacs: 4608,
      cumulativeParameters: 72,
      activationBytes: 1024,
    });
  });

  it.each([
    ['a missing file', ['none.onnx'], 1, 'error [FILE_NOT_FOUND]: none.onnx does not exist\n'],
    [
      'a shape that does not fit',
      ['--input-shape', '3,8,8'],
      2,
      'error [CONFIG_INVALID]: --input-shape: found 3,8,8',
    ],
    ['a malformed shape', ['--input-shape', '3,big'], 2, 'error [CONFIG_INVALID]: --input-shape'],
  ])('reports %s', async (_, args, status, message) => {
    await main(['inspect', ...(args[0]?.startsWith('--') ? [path] : []), ...args]);
    expect(output.err).toContain(message);
    expect(process.exitCode).toBe(status);
    expect(output.out).toBe('');
  });
});
