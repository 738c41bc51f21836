import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Dataset } from '../dataset.js';
import { labelsNameFor, pictureNames } from './array-names.js';
import { readDataFile } from './data-file.js';
import { parseNpy } from './npy-array.js';
import { labelsOfNpy, picturesOfNpy } from './npy-pictures.js';
import { datasetOfArrays, type PictureArray } from './picture-array.js';

/** The `.npy` files that hold pictures, by their names. */
export function npyPictureFiles(paths: readonly string[]): string[] {
  const names = pictureNames(paths.map(stemOf));
  return paths.filter((path) => names.includes(stemOf(path)));
}

/**
 * Pictures in `.npy` files, with labels from the files beside them of matching names, such as `labels.npy` or, for
 * `x_train.npy`, `y_train.npy`.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export async function openNpy(paths: readonly string[]): Promise<Dataset> {
  return datasetOfArrays(await Promise.all(paths.map(readPart)), {
    description: `NumPy ${paths.map((path) => basename(path)).join(', ')}`,
    classNames: null,
  });
}

async function readPart(path: string): Promise<PictureArray> {
  const folder = dirname(path);
  const beside = (await readdir(folder)).filter((name) => name.endsWith('.npy')).sort();
  const labelsName = labelsNameFor(stemOf(path), beside.map(stemOf));
  const read = async (file: string) => parseNpy(await readDataFile(file), file);
  const labelsPath = labelsName === null ? null : join(folder, `${labelsName}.npy`);
  const labels = labelsPath === null ? null : labelsOfNpy(await read(labelsPath), labelsPath);
  return picturesOfNpy(await read(path), labels, basename(path), path);
}

const stemOf = (path: string) => basename(path, '.npy');
