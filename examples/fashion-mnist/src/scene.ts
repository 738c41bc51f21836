import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDataset, type Split } from '@offramp/data';
import { picturesPath } from './paths.js';

/** Folder of a camera's pictures, as IDX files. */
export interface CameraPictures {
  device: string;
  path: string;
}

/** The cameras' pictures: the example's pictures divided among them without overlap, bright at first and dark at dusk. */
export interface Scene {
  cameras: readonly CameraPictures[];
  /** Of all cameras together. */
  pictures: number;
  /** The first picture of each camera, counted from 0, that is taken at dusk. */
  duskFrom: number;
}

export const split: Split = 'test';
/** Pictures at dusk are darker, with the noise of sensor gain. Standard deviation in levels of 255. */
const brightness = 0.5;
const noiseLevels = 9;

/**
 * Writes the pictures of each camera. Pictures, light and noise are the same every time.
 * @param duskAt the share of each camera's pictures before dusk, in [0, 1]
 */
export async function writeScene(
  folder: string,
  { cameras, duskAt }: { cameras: number; duskAt: number },
): Promise<Scene> {
  const dataset = await openDataset(picturesPath, { split, channels: 1 });
  const duskFrom = Math.round((duskAt * dataset.size) / cameras);
  const dealt = Array.from({ length: cameras }, async (_, camera): Promise<CameraPictures> => {
    const device = `camera-${camera + 1}`;
    const indices = Array.from({ length: dataset.size }, (__, i) => i).filter((i) => i % cameras === camera);
    const normal = normalNumbers(camera + 1);
    const pictures: Uint8Array[] = [];
    for (const [place, index] of indices.entries()) {
      const { pixels } = (await dataset.read(index)).picture;
      pictures.push(place < duskFrom ? pixels : Uint8Array.from(pixels, (level) => atDusk(level, normal())));
    }
    const { height, width } = (await dataset.read(0)).picture;
    const labels = Uint8Array.from(indices, (index) => dataset.labelAt(index) ?? 0);
    const path = join(folder, `${device}-images-idx3-ubyte`);
    await writeFile(path, idxFile([indices.length, height, width], Buffer.concat(pictures)));
    await writeFile(join(folder, `${device}-labels-idx1-ubyte`), idxFile([indices.length], labels));
    return { device, path };
  });
  return { cameras: await Promise.all(dealt), pictures: dataset.size, duskFrom };
}

function atDusk(level: number, noise: number): number {
  return Math.min(255, Math.max(0, Math.round(level * brightness + noise * noiseLevels)));
}

/** Normally distributed numbers with variance 1, the same for the same seed (mulberry32, Box–Muller). */
function normalNumbers(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** An IDX file of bytes, as in MNIST. */
function idxFile(dimensions: readonly number[], bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header.writeUInt32BE(0x0800 | dimensions.length, 0);
  dimensions.forEach((size, i) => {
    header.writeUInt32BE(size, 4 + 4 * i);
  });
  return Buffer.concat([header, bytes]);
}
