import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProcessPool, sha256Hex } from '@offramp/runtime';
import { temporaryFolder } from '@offramp/runtime/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { augmentBackbone } from '../pipeline/augment-backbone.js';
import { exampleModel, examplePictures, pooledOptions } from '../testing/index.js';
import { loadBackbone } from './load-backbone.js';

afterEach(() => {
  vi.restoreAllMocks();
});

it('reads and profiles the model once for everything up to the bundle', async () => {
  const bytes = await readFile(exampleModel);
  const read: string[] = [];
  const requests = vi.spyOn(ProcessPool.prototype, 'run');
  // There is no such file, so any other read of it fails.
  const backbone = await loadBackbone('absent/model.onnx', {
    readBytes: async (path) => {
      read.push(path);
      return bytes;
    },
  });
  expect(requests.mock.calls.filter(([request]) => 'open' in request)).toHaveLength(1);
  expect(backbone).toMatchObject({ file: 'model.onnx', sha256: sha256Hex(bytes) });

  const out = join(await temporaryFolder(), 'bundle');
  const options = { ...pooledOptions, epochs: 1, holdOut: 100 };
  const { bundle } = await augmentBackbone(backbone, await examplePictures(300), out, options);
  expect(read).toEqual(['absent/model.onnx']);
  const { file, sha256, macs } = bundle.manifest.backbone;
  expect({ file, sha256, macs }).toEqual({
    file: 'model.onnx',
    sha256: sha256Hex(bytes),
    macs: backbone.profile.macs,
  });
});
