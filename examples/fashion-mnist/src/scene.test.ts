import { openDataset } from '@offramp/data';
import { temporaryFolder } from '@offramp/runtime/testing';
import { expect, it } from 'vitest';
import { picturesPath } from './paths.js';
import { split, writeScene } from './scene.js';

const cameras = 4;

it('gives each picture to one camera, darkens those at dusk, and gives the same result every time', async () => {
  const original = await openDataset(picturesPath, { split, channels: 1 });
  const scene = await writeScene(await temporaryFolder(), { cameras, duskAt: 0.4 });
  const again = await writeScene(await temporaryFolder(), { cameras, duskAt: 0.4 });
  expect(scene).toMatchObject({ pictures: 10_000, duskFrom: 1_000 });
  expect(scene.cameras.map(({ device }) => device)).toEqual(['camera-1', 'camera-2', 'camera-3', 'camera-4']);

  const open = ({ path }: { path: string }) => openDataset(path, { split, channels: 1 });
  const mean = (pixels: Uint8Array) => pixels.reduce((sum, level) => sum + level, 0) / pixels.length;
  for (const [camera, pictures] of scene.cameras.entries()) {
    const dataset = await open(pictures);
    const sameDataset = await open(again.cameras[camera] ?? pictures);
    expect(dataset.size).toBe(2_500);
    for (const place of [0, 999, 1_000, 2_499]) {
      const index = place * cameras + camera;
      const [taken, source] = [await dataset.read(place), await original.read(index)];
      expect(taken.label).toBe(source.label);
      expect((await sameDataset.read(place)).picture).toEqual(taken.picture);
      if (place < scene.duskFrom) expect(taken.picture).toEqual(source.picture);
      else expect(mean(taken.picture.pixels)).toBeLessThan(0.8 * mean(source.picture.pixels));
    }
  }
});
