import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { labelsNameFor, sampleNames } from './array-names.js';
import { readDataFile } from './data-file.js';
import { type NpySamples, parseNpy } from './npy-array.js';
import { labelsOfNpy } from './npy-labels.js';

/** The `.npy` files that hold samples, by their names. */
export function npyFiles(paths: readonly string[]): string[] {
  const names = sampleNames(paths.map(stemOf));
  return paths.filter((path) => names.includes(stemOf(path)));
}

/**
 * The arrays of `.npy` files, with labels from the files beside them of matching names, such as `labels.npy` or, for
 * `x_train.npy`, `y_train.npy`.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export function readNpyFiles(paths: readonly string[]): Promise<NpySamples[]> {
  return Promise.all(paths.map(readPart));
}

async function readPart(path: string): Promise<NpySamples> {
  const folder = dirname(path);
  const beside = (await readdir(folder)).filter((name) => name.endsWith('.npy')).sort();
  const labelsName = labelsNameFor(stemOf(path), beside.map(stemOf));
  const read = async (file: string) => parseNpy(await readDataFile(file), file);
  const labelsPath = labelsName === null ? null : join(folder, `${labelsName}.npy`);
  const labels = labelsPath === null ? null : labelsOfNpy(await read(labelsPath), labelsPath);
  return { array: await read(path), labels, name: basename(path), where: path };
}

const stemOf = (path: string) => basename(path, '.npy');
