import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@offramp/runtime/testing';
import Long from 'long';
import { beforeEach, describe, expect, it } from 'vitest';
import { onnx } from '#onnx';
import { loadBackbone } from '../inspect/load-backbone.js';
import { DataLocation } from './graph.js';
import { maxDifference, withModel, worstCut } from './testing/halves.js';
import { addWeight, failureOf, smallModelBytes } from './testing/small-model.js';
import { writeModel } from './write-model.js';

const whole = smallModelBytes((g) => {
  g.addNode('Gemm', ['x', addWeight(g, 'w', [4, 5])], ['a']);
  g.addNode('Constant', [], ['scale'], {
    value: {
      t: new onnx.TensorProto({ dims: [Long.ONE], dataType: 1, rawData: Uint8Array.of(0, 0, 0, 64) }),
    },
  });
  g.addNode('Mul', ['a', 'scale'], ['b']);
  g.addNode('Gemm', ['b', addWeight(g, 'v', [5, 3])], ['y']);
});

type Entries = Record<string, string>;

/** The model with its weights in another file, and that file. */
function divided(
  location: string,
  change: (tensor: onnx.TensorProto, entries: Entries) => Entries = (_, e) => e,
) {
  const proto = onnx.ModelProto.decode(whole);
  const graph = proto.graph as onnx.GraphProto;
  const parts: Uint8Array[] = [Buffer.alloc(16)];
  const constants = graph.node.flatMap(({ attribute }) => attribute.flatMap(({ t }) => t ?? []));
  for (const tensor of [...graph.initializer, ...constants]) {
    const offset = Buffer.concat(parts).length;
    parts.push(tensor.rawData, Buffer.alloc(3));
    const entries = change(tensor, { location, offset: `${offset}`, length: `${tensor.rawData.length}` });
    tensor.rawData = new Uint8Array();
    tensor.dataLocation = DataLocation.external;
    tensor.externalData = Object.entries(entries).map(
      ([key, value]) => new onnx.StringStringEntryProto({ key, value }),
    );
  }
  return { model: writeModel(proto), weights: Buffer.concat(parts) };
}

describe('weights kept beside a model', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = join(await temporaryFolder(), 'model');
    await mkdir(folder);
    path = join(folder, 'm.onnx');
  });

  async function write(location: string, change?: Parameters<typeof divided>[1]): Promise<void> {
    const { model, weights } = divided(location, change);
    await writeFile(path, model);
    await mkdir(join(folder, 'data'), { recursive: true });
    if (location.startsWith('data')) await writeFile(join(folder, location), weights);
  }

  it.each([
    ['with all that may be said of them', (_: onnx.TensorProto, entries: Entries) => entries],
    [
      'without their length',
      (_: onnx.TensorProto, { length: _length, ...entries }: Entries) => ({ ...entries, checksum: 'ab' }),
    ],
  ])('are read: %s', async (_, change) => {
    await write('data/weights.bin', change);
    const { profile } = await loadBackbone(path);
    expect(profile.parameters).toBe(20 + 1 + 15);
    expect(await withModel(whole, (run) => worstCut(profile, run))).toBeLessThanOrEqual(maxDifference);
  });

  it('count for the digest of the model', async () => {
    await write('data/weights.bin');
    const { sha256 } = await loadBackbone(path);
    expect((await loadBackbone(path)).sha256).toBe(sha256);
    const { weights } = divided('');
    weights.writeFloatLE(3, 16);
    await writeFile(join(folder, 'data/weights.bin'), weights);
    expect((await loadBackbone(path)).sha256).not.toBe(sha256);
  });

  it('may be reached by a link that stays in the folder', async () => {
    await write('data/weights.bin');
    await rename(join(folder, 'data/weights.bin'), join(folder, 'blob'));
    await symlink('../blob', join(folder, 'data/weights.bin'));
    expect((await loadBackbone(path)).profile.macs).toBe(20 + 15);
  });

  it.each(['../secret', 'data/../../secret', '..\\secret', '/etc/hostname', '', 'weights\0'])(
    'are not read from %j',
    async (location) => {
      await write(location);
      expect(await failureOf(() => loadBackbone(path))).toMatchObject({
        code: 'MODEL_INVALID',
        message: expect.stringContaining(
          `weights w are kept in another file: expected a file in the model's folder, found ${JSON.stringify(location)}`,
        ),
        hint: expect.stringMatching(/save_as_external_data=False/),
      });
    },
  );

  it('are not read through a link out of the folder', async () => {
    await write('data/weights.bin');
    await rename(join(folder, 'data'), join(folder, '../elsewhere'));
    await symlink('../elsewhere', join(folder, 'data'));
    expect(await failureOf(() => loadBackbone(path))).toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(/data\/weights\.bin is a link out of the model's folder/),
    });
  });

  it('have to be in a file', async () => {
    await write('weights.bin');
    expect(await failureOf(() => loadBackbone(path))).toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringMatching(/weights w are kept in another file: weights\.bin does not exist/),
    });
    await mkdir(join(folder, 'weights.bin'));
    expect(await failureOf(() => loadBackbone(path))).toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(/cannot read weights\.bin: expected a regular file, found a folder/),
    });
  });

  it.each<[string, (tensor: onnx.TensorProto, entries: Entries) => Entries, RegExp]>([
    [
      'another length',
      (_, entries) => ({ ...entries, length: '7' }),
      /expected 80 bytes for its shape, found 7/,
    ],
    [
      'an end beyond the file',
      (_, entries) => ({ ...entries, offset: '4000' }),
      /expected 80 bytes at 4000 of data\/weights\.bin, which has 169/,
    ],
    ['an offset that is no number', (_, entries) => ({ ...entries, offset: '-1' }), /its offset is -1/],
    [
      'a shape of more than there can be',
      (tensor, { length: _length, ...entries }) => {
        tensor.dims = [Long.fromNumber(2 ** 40), Long.fromNumber(2 ** 20)];
        return entries;
      },
      /its shape is 1099511627776×1048576/,
    ],
    [
      'more than a model may have',
      (tensor, { length: _length, ...entries }) => {
        tensor.dims = [Long.fromNumber(2 ** 30)];
        return entries;
      },
      /has 12884902\d+ bytes with the weights kept beside it; expected at most 2147483647/,
    ],
    [
      'texts',
      (tensor, entries) => {
        tensor.dataType = 8;
        return entries;
      },
      /it is of string/,
    ],
  ])('are refused with %s', async (_, change, message) => {
    await write('data/weights.bin', change);
    expect(await failureOf(() => loadBackbone(path))).toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(message),
    });
  });
});
