import { readdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { messageOf, OfframpError, readFile } from '@offramp/runtime';
import type { PictureDataset } from '../dataset.js';
import { fittedFromFile } from '../packing/fitted-from-file.js';
import { isPicture } from '../pictures/picture.js';
import type { PictureDecoder } from '../pictures/picture-decoder.js';

/** Of a picture's file: as many as the largest picture has uncompressed, with four bytes per pixel. */
const maxPictureBytes = 256 * 2 ** 20;
/** Levels of nested folders, more than any collection needs. */
const maxDepth = 16;

/**
 * Image files, in name order, including those of sub-folders. If all lie in sub-folders, these are the classes, and
 * labels count them in name order from 0; if some lie in the folder itself, all are unlabelled. Skips hidden folders
 * and files whose names are not those of pictures.
 * @throws OfframpError `DATA_NOT_FOUND`; `DATA_INVALID` for folders nested too deep
 */
export async function openPictureFolder(
  path: string,
  channels: 1 | 3,
  decoder: PictureDecoder,
): Promise<PictureDataset> {
  const { pictures, folders } = await listFolder(path);
  const labelled = pictures.length === 0;
  const classNames = labelled ? folders : null;
  const files: { path: string; label: number | null }[] = pictures.map((name) => ({
    path: join(path, name),
    label: null,
  }));
  for (const [label, folder] of folders.entries()) {
    const below = await picturesBelow(join(path, folder), maxDepth);
    for (const file of below) files.push({ path: file, label: labelled ? label : null });
  }
  if (files.length === 0)
    throw new OfframpError('DATA_NOT_FOUND', `no pictures in ${path} or the folders in it`);
  const at = (index: number) => {
    const found = files[index];
    if (!found) throw new OfframpError('INTERNAL', `sample ${index} of ${files.length}`);
    return found;
  };
  const nameAt = (index: number) => relative(path, at(index).path);
  const fileOf = async (index: number) => {
    const { path: from, label } = at(index);
    const bytes = await readFile(from, { atMost: maxPictureBytes }).catch((cause: unknown) => {
      throw new OfframpError('DATA_INVALID', `cannot read ${from}: ${messageOf(cause)}`, { cause });
    });
    return { bytes, from, sample: { name: nameAt(index), label } };
  };
  decoder.warm();
  return {
    description: `${basename(path)}/ (${files.length} pictures${classNames ? `, ${classNames.length} classes` : ''})`,
    size: files.length,
    labelled,
    classNames,
    nameAt,
    labelAt: (index) => at(index).label,
    read: async (index) => {
      const { bytes, from, sample } = await fileOf(index);
      return { ...sample, picture: await decoder.decode(bytes, channels, from) };
    },
    readFitted: async (index, input) => {
      const { bytes, from, sample } = await fileOf(index);
      return { ...sample, ...fittedFromFile(bytes, await decoder.decodeFitted(bytes, input, from), input) };
    },
  };
}

async function listFolder(path: string): Promise<{ pictures: string[]; folders: string[] }> {
  const entries = await readdir(path, { withFileTypes: true });
  const namesOf = (wanted: (entry: (typeof entries)[number]) => boolean) =>
    entries
      .filter(wanted)
      .map(({ name }) => name)
      .sort();
  return {
    pictures: namesOf((entry) => !entry.isDirectory() && isPicture(entry.name)),
    folders: namesOf((entry) => entry.isDirectory() && !entry.name.startsWith('.')),
  };
}

async function picturesBelow(path: string, depth: number): Promise<string[]> {
  if (depth === 0) {
    throw new OfframpError('DATA_INVALID', `${path}: expected at most ${maxDepth} levels of folders`);
  }
  const { pictures, folders } = await listFolder(path);
  const files = pictures.map((name) => join(path, name));
  for (const folder of folders) {
    for (const file of await picturesBelow(join(path, folder), depth - 1)) files.push(file);
  }
  return files;
}
