import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphEditor, writeModel } from '@offramp/augment';
import { Bundle, elementsOf, frequencyBits, type Manifest, manifestFileName } from '@offramp/bundle';
import { sha256Hex } from '@offramp/runtime';
import { bundlePath } from './example.js';

/** Values are rounded to multiples of this. */
const step = 1 / 16;
const symbols = 256;

/**
 * The example's bundle with a codec of two models at its default boundary: the encoder rounds, the decoder scales back. It loses
 * as little as 8-bit integers do.
 */
export async function bundleWithRoundingCodec(directory: string): Promise<Bundle> {
  await cp(bundlePath, directory, { recursive: true });
  const path = join(directory, manifestFileName);
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
  const stage = manifest.stages[manifest.deviceStages - 1];
  const shape = stage?.activationShape ?? [];
  const length = elementsOf(shape);
  const write = async (name: string, bytes: Uint8Array) => {
    const file = `stages/rounding.${name}.onnx`;
    await writeFile(join(directory, file), bytes);
    return { path: file, bytes: bytes.byteLength, sha256: sha256Hex(bytes) };
  };
  const table = {
    symbols: length,
    lowest: -symbols / 2,
    frequencies: new Array<number>(symbols).fill(2 ** frequencyBits / symbols),
  };
  Object.assign(stage as object, {
    learned: {
      encoder: await write('encoder', encoder(shape)),
      decoder: await write('decoder', decoder(shape)),
      ...{ tables: [table], encoderMacs: 0, decoderMacs: 0 },
      ...{ meanBytes: length, agreement: 1, agreementLost: 0 },
    },
  });
  await writeFile(path, JSON.stringify(manifest));
  return Bundle.open(directory);
}

function encoder(shape: readonly number[]): Uint8Array {
  const g = GraphEditor.create('activation', shape, 17);
  g.addNode('Mul', ['activation', g.addInitializer('factor', [1], Float32Array.of(1 / step))], ['scaled']);
  g.addNode('Round', ['scaled'], ['rounded']);
  g.addNode('Flatten', ['rounded'], ['code']);
  g.addOutput('code', [elementsOf(shape)]);
  return writeModel(g.proto);
}

function decoder(shape: readonly number[]): Uint8Array {
  const g = GraphEditor.create('code', [elementsOf(shape)], 17);
  g.addNode('Mul', ['code', g.addInitializer('step', [1], Float32Array.of(step))], ['scaled']);
  const to = BigInt64Array.from([-1, ...shape], BigInt);
  g.addNode('Reshape', ['scaled', g.addInitializer('shape', [to.length], to)], ['activation']);
  g.addOutput('activation', shape);
  return writeModel(g.proto);
}
