import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CalibrationTable } from '../calibration/table.js';
import { sha256Hex } from '../digest.js';
import { OfframpError } from '../errors.js';
import { Bundle, manifestFileName } from './bundle.js';
import { type BundleFile, type Manifest, manifestSchema } from './manifest.js';

/** Everything of a manifest that does not follow from the files. */
export type BundleContents = Omit<Manifest, 'format' | 'formatVersion' | 'stages' | 'calibration'> & {
  stages: (Omit<Manifest['stages'][number], 'model'> & { model: Uint8Array })[];
  calibration: CalibrationTable;
};

/**
 * Writes a bundle. It appears whole or not at all: files go to a folder beside `directory`, which is then renamed.
 * A bundle that stood there before is replaced; any other folder that is not empty is left alone.
 * @throws OfframpError `CONFIG_INVALID` if `directory` holds something that is not a bundle
 */
export async function writeBundle(directory: string, contents: BundleContents): Promise<Bundle> {
  await checkReplaceable(directory);
  await mkdir(dirname(directory), { recursive: true });
  const staging = `${directory}.partial-${process.pid}`;
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
    await rm(directory, { recursive: true, force: true });
    await rename(staging, directory);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
  return Bundle.open(directory);
}

/** @throws OfframpError `CONFIG_INVALID` */
export async function checkReplaceable(directory: string): Promise<void> {
  const entries: string[] = await readdir(directory).catch(() => []);
  if (entries.length > 0 && !entries.includes(manifestFileName)) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `${directory} is not empty and is not a bundle; nothing was written`,
      {
        hint: 'Name a folder that does not exist yet, or a bundle that may be replaced.',
      },
    );
  }
}
