import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bundle, type Manifest, manifestFileName } from '@offramp/bundle';

const example = fileURLToPath(new URL('../../examples/fashion-mnist', import.meta.url));

export const bundlePath = join(example, 'bundle');
export const backbonePath = join(example, 'model/fashion-resnet56.onnx');
export const picturesPath = join(example, 'data');

/** A folder that is gone when the test is. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'offramp-tests-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
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
