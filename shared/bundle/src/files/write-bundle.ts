import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeFolder, messageOf, OfframpError, readTextFile, sha256Hex, systemCodeOf } from '@offramp/runtime';
import type { CalibrationTable } from '../calibration/table.js';
import type { BundleFile } from '../manifest/bundle-file.js';
import type { LearnedCodecManifest } from '../manifest/learned-codec.js';
import { type Manifest, manifestSchema, type StageManifest } from '../manifest/manifest.js';
import { Bundle, manifestFileName, maxManifestBytes } from './bundle.js';

/** A stage, with the bytes of its models instead of their files. */
export type StageContents = Omit<StageManifest, 'model' | 'learned'> & {
  model: Uint8Array;
  learned?: LearnedCodecContents;
};

export type LearnedCodecContents = Omit<LearnedCodecManifest, 'encoder' | 'decoder'> & {
  encoder: Uint8Array;
  decoder: Uint8Array;
};

/** What of a manifest does not follow from the files. */
export type BundleContents = Omit<Manifest, 'format' | 'formatVersion' | 'stages' | 'calibration'> & {
  stages: StageContents[];
  calibration: CalibrationTable;
};

export interface WriteBundleOptions {
  /** Checks the staged bundle. If it throws, nothing is replaced. */
  check?: (bundle: Bundle) => Promise<void>;
  /** After the check: what to write instead, if part of it is only known by running the bundle. */
  complete?: (bundle: Bundle) => Promise<BundleContents>;
}

/**
 * Writes a bundle, atomically: files go to a folder beside `directory`, which is then renamed. It replaces a bundle or
 * an empty folder, and nothing else.
 * @throws OfframpError `CONFIG_INVALID` if `directory` is something else; `OUTPUT_FAILED` if the disk is full or not
 *   writable, in which case an existing bundle is unchanged
 */
export async function writeBundle(
  directory: string,
  contents: BundleContents,
  { check, complete }: WriteBundleOptions = {},
): Promise<Bundle> {
  await checkReplaceable(directory);
  // Resolved, because a staging folder named after `bundle/` would lie inside the bundle.
  const target = resolve(directory);
  const staging = stagingFolder(target);
  try {
    await orOutputFailed(directory, () => writeFiles(staging, contents));
    await check?.(await Bundle.open(staging));
    if (complete) {
      const completed = await complete(await Bundle.open(staging));
      await orOutputFailed(directory, () => writeFiles(staging, completed));
    }
    await orOutputFailed(directory, () => putInPlace(staging, target));
  } catch (error) {
    // The first error is the one to report, not that the rest cannot be removed either.
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
  return Bundle.open(directory);
}

/**
 * The contents that a bundle was written from, for writing it again with changes.
 * @throws OfframpError `BUNDLE_CORRUPT`, `BUNDLE_INVALID`
 */
export async function readBundleContents(bundle: Bundle): Promise<BundleContents> {
  const { format, formatVersion, stages, ...manifest } = bundle.manifest;
  const models = await bundle.readStages();
  const contents: StageContents[] = [];
  for (const [i, { learned, ...stage }] of stages.entries()) {
    const codec = await bundle.readLearned(i);
    contents.push({
      ...stage,
      model: models[i] as Uint8Array,
      ...(learned && codec ? { learned: { ...learned, ...codec } } : {}),
    });
  }
  return {
    ...manifest,
    stages: contents,
    calibration: await bundle.readCalibration(),
  };
}

async function writeFiles(staging: string, contents: BundleContents): Promise<void> {
  await rm(staging, { recursive: true, force: true });
  await makeFolder(join(staging, 'stages'));
  const write = async (path: string, bytes: Uint8Array): Promise<BundleFile> => {
    await writeFile(join(staging, path), bytes);
    return { path, bytes: bytes.byteLength, sha256: sha256Hex(bytes) };
  };
  const stages: Manifest['stages'] = [];
  for (const [i, { learned, ...stage }] of contents.stages.entries()) {
    const codec = learned && {
      learned: {
        ...learned,
        encoder: await write(`stages/${i}.encoder.onnx`, learned.encoder),
        decoder: await write(`stages/${i}.decoder.onnx`, learned.decoder),
      },
    };
    stages.push({ ...stage, model: await write(`stages/${i}.onnx`, stage.model), ...codec });
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
}

/** Moves what is at `target` aside first, so that it can be restored. */
async function putInPlace(staging: string, target: string): Promise<void> {
  const aside = `${target}.replaced-${process.pid}`;
  const wasThere = await rename(target, aside).then(
    () => true,
    (error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    await rename(staging, target);
  } catch (error) {
    if (wasThere) await rename(aside, target);
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

/** @throws OfframpError `OUTPUT_FAILED` if the system refuses to write */
async function orOutputFailed(directory: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    if (systemCodeOf(cause) === undefined) throw cause;
    throw new OfframpError('OUTPUT_FAILED', `cannot write the bundle ${directory}: ${messageOf(cause)}`, {
      cause,
      hint: 'An existing bundle there is unchanged. Free some space, or name another folder.',
    });
  }
}

/**
 * Checks that a bundle may be written to `directory`, which is absent, an empty folder or a bundle, and that its parent
 * folder is writable. Creates the parent if it is missing.
 * @throws OfframpError `CONFIG_INVALID`, `OUTPUT_FAILED`
 */
export async function checkReplaceable(directory: string): Promise<void> {
  const refuse = (problem: string, cause?: unknown) =>
    new OfframpError('CONFIG_INVALID', `${directory} ${problem}; nothing was written`, {
      hint: 'Name a folder that does not exist yet, or a bundle that may be replaced.',
      cause,
    });
  const entries = await readdir(directory).catch((cause: unknown) => {
    const code = systemCodeOf(cause);
    if (code === 'ENOENT') return [];
    throw refuse(code === 'ENOTDIR' ? 'is not a folder, or lies in a file' : 'cannot be read', cause);
  });
  if (entries.length > 0 && !(await holdsBundle(directory))) {
    throw refuse('is not empty and is not a bundle');
  }
  await orOutputFailed(directory, () => tryWriting(resolve(directory)));
}

/** Creates and removes the staging folder: permissions alone do not tell whether that works. */
async function tryWriting(target: string): Promise<void> {
  const staging = stagingFolder(target);
  await makeFolder(staging);
  await rm(staging, { recursive: true });
}

function stagingFolder(target: string): string {
  return `${target}.partial-${process.pid}`;
}

/** Whether a folder's manifest is a bundle's, of any version: other formats have manifests, too. */
async function holdsBundle(directory: string): Promise<boolean> {
  try {
    const text = await readTextFile(join(directory, manifestFileName), maxManifestBytes);
    const manifest: unknown = JSON.parse(text);
    return (manifest as { format?: unknown } | null)?.format === manifestSchema.shape.format.value;
  } catch {
    return false;
  }
}
