import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GraphEditor, writeModel } from '@offramp/augment';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../main.js';

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

describe('offramp inspect', () => {
  let folder: string;
  let path: string;
  let out: string;
  let err: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'offramp-inspect-'));
    path = join(folder, 'model.onnx');
    await writeFile(path, model());
    out = '';
    err = '';
    vi.spyOn(console, 'log').mockImplementation((text: string) => {
      out += `${text}\n`;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += String(text);
      return true;
    });
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    process.exitCode = 0;
    await rm(folder, { recursive: true });
  });

  it('shows one cut point for each cost, the one with the smallest activation', async () => {
    await main(['inspect', path]);
    expect(out.replaceAll(path, 'model.onnx')).toBe(`\
model.onnx: 4.6 k MACs, 93 parameters, opset 17
input picture 2×8×8, output logits 3 logits

cut point  shape   MACs  of all  activation
flat           4  4.6 k  99.5 %        16 B
hidden         3  4.6 k  99.8 %        12 B

3 of 5 cut points cost the same as one shown; --all shows them, too
`);
  });

  it('shows all with --all', async () => {
    await main(['inspect', path, '--all']);
    const cutPoints = ['conv', 'relu', 'pooled', 'flat', 'hidden'];
    expect(cutPoints.filter((name) => out.includes(`\n${name} `))).toEqual(cutPoints);
    expect(out).not.toContain('--all');
  });

  it('prints everything as one object with --json', async () => {
    await main(['inspect', path, '--json']);
    const parsed = JSON.parse(out) as { macs: number; cutPoints: unknown[] };
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
    ['a shape that is none', ['--input-shape', '3,big'], 2, 'error [CONFIG_INVALID]: --input-shape'],
  ])('says what is wrong with %s', async (_, args, status, message) => {
    await main(['inspect', ...(args[0]?.startsWith('--') ? [path] : []), ...args]);
    expect(err).toContain(message);
    expect(process.exitCode).toBe(status);
    expect(out).toBe('');
  });
});
