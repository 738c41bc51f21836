import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { CalibrationTable } from '../calibration/table.js';
import { sha256Hex } from '../digest.js';
import { OfframpError, systemCodeOf } from '../errors.js';
import { Bundle, manifestFileName } from './bundle.js';
import { type BundleFile, type Manifest, manifestSchema } from './manifest.js';

/** Everything of a manifest that does not follow from the files. */
export type BundleContents = Omit<Manifest, 'format' | 'formatVersion' | 'stages' | 'calibration'> & {
  stages: (Omit<Manifest['stages'][number], 'model'> & { model: Uint8Array })[];
  calibration: CalibrationTable;
};

/**
 * Writes a bundle. It appears whole or not at all: files go to a folder beside `directory`, which is then renamed.
 * A bundle that stood there before is replaced; anything else but an empty folder is left alone.
 * @throws OfframpError `CONFIG_INVALID` if something that is not a bundle stands there
 */
export async function writeBundle(directory: string, contents: BundleContents): Promise<Bundle> {
  await checkReplaceable(directory);
  // Resolved, because a staging folder named after `bundle/` would lie inside the bundle.
  const target = resolve(directory);
  await mkdir(dirname(target), { recursive: true });
  const staging = `${target}.partial-${process.pid}`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(join(staging, 'stages'), { recursive: true });
  try {
    const write = async (path: string, bytes: Uint8Array): Promise<BundleFile> => {
      await writeFile(join(staging, path), bytes);
      return { path, bytes: bytes.byteLength, sha256: sha256Hex(bytes) };
    };
    const stages: Manifest['stages'] = [];
    for (const [i, stage] of contents.stages.entries()) {
      stages.push({ ...stage, model: await write(`stages/${i}.onnx`, stage.model) });
    }
    const table = await write('calibration.json', Buffer.from(JSON.stringify(contents.calibration)));
    const manifest: Manifest = manifestSchema.parse({
      format: 'offramp-bundle',
      formatVersion: 1,
      ...contents,
      stages,
      calibration: { table, samples: contents.calibration.samples },
    });
    await writeFile(join(staging, manifestFileName), `${JSON.stringify(manifest, null, 2)}\n`);
    await rm(target, { recursive: true, force: true });
    await rename(staging, target);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
  return Bundle.open(directory);
}

/**
 * Checks that a bundle may be written to `directory`: nothing is there, an empty folder, or a bundle.
 * @throws OfframpError `CONFIG_INVALID`
 */
export async function checkReplaceable(directory: string): Promise<void> {
  const refuse = (problem: string, cause?: unknown) =>
    new OfframpError('CONFIG_INVALID', `${directory} ${problem}; nothing was written`, {
      hint: 'Name a folder that does not exist yet, or a bundle that may be replaced.',
      cause,
    });
  const entries = await readdir(directory).catch((cause: unknown) => {
    if (systemCodeOf(cause) === 'ENOENT') return [];
    throw refuse('is not a folder', cause);
  });
  if (entries.length > 0 && !(await holdsBundle(directory))) {
    throw refuse('is not empty and is not a bundle');
  }
}

/** Whether a folder's manifest is one of ours, in whatever version: other things have manifests, too. */
async function holdsBundle(directory: string): Promise<boolean> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(directory, manifestFileName), 'utf8'));
    return (manifest as { format?: unknown } | null)?.format === manifestSchema.shape.format.value;
  } catch {
    return false;
  }
}
