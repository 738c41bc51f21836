import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Bundle, type Manifest, manifestFileName } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';

const example = fileURLToPath(new URL('../../examples/fashion-mnist', import.meta.url));

export const bundlePath = join(example, 'bundle');
export const backbonePath = join(example, 'model/fashion-resnet56.onnx');
export const picturesPath = join(example, 'data');

/** Writes the first test pictures of the example. */
export async function writeFewPictures(folder: string, count: number): Promise<void> {
  await mkdir(folder);
  for (const [file, headerBytes, bytesEach] of [
    ['t10k-images-idx3-ubyte', 16, 28 * 28],
    ['t10k-labels-idx1-ubyte', 8, 1],
  ] as const) {
    const whole = gunzipSync(await readFile(join(picturesPath, `${file}.gz`)));
    const few = Buffer.from(whole.subarray(0, headerBytes + count * bytesEach));
    few.writeUInt32BE(count, 4);
    await writeFile(join(folder, file), few);
  }
}

/** A folder that is gone when the test is. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'offramp-tests-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Sets a bundle's thresholds so that no sample leaves early, and all answers are the whole model's. */
export async function letNoneLeave(directory: string): Promise<void> {
  const path = join(directory, manifestFileName);
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
  manifest.policy.thresholds = neverExit(manifest.policy.thresholds.length);
  await writeFile(path, JSON.stringify(manifest));
}

/** The example's bundle with other thresholds in its manifest, so a bundle of its own. */
export async function bundleWithThresholds(directory: string, thresholdOf: () => number): Promise<Bundle> {
  await cp(bundlePath, directory, { recursive: true });
  const path = join(directory, manifestFileName);
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
  manifest.policy.thresholds = manifest.policy.thresholds.map(thresholdOf);
  await writeFile(path, JSON.stringify(manifest));
  return Bundle.open(directory);
}
