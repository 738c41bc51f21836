import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { messageOf, OfframpError } from '../errors.js';
import type { Dataset } from './dataset.js';
import { decodePicture, isPicture } from './picture.js';

/** Folders in folders, deeper than any sane collection. */
const maxDepth = 16;

/**
 * Image files, in name order, with those of sub-folders. Where all lie in sub-folders, these are the
 * classes, and labels count them in name order from 0; where some lie in the folder itself, all are
 * unlabelled. Hidden folders, and files that are no pictures by their name, are passed over.
 * @throws OfframpError `DATA_NOT_FOUND`; `DATA_INVALID` for folders nested too deep
 */
export async function openPictureFolder(path: string, channels: 1 | 3): Promise<Dataset> {
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
  return {
    description: `${basename(path)}/ (${files.length} pictures${classNames ? `, ${classNames.length} classes` : ''})`,
    size: files.length,
    labelled,
    classNames,
    nameAt,
    labelAt: (index) => at(index).label,
    async read(index) {
      const file = at(index);
      const bytes = await readFile(file.path).catch((cause: unknown) => {
        throw new OfframpError('DATA_INVALID', `cannot read ${file.path}: ${messageOf(cause)}`, { cause });
      });
      const picture = await decodePicture(bytes, channels, file.path);
      return { name: nameAt(index), label: file.label, picture };
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
    throw new OfframpError('DATA_INVALID', `${path}: expected at most ${maxDepth} folders in one another`);
  }
  const { pictures, folders } = await listFolder(path);
  const files = pictures.map((name) => join(path, name));
  for (const folder of folders) {
    for (const file of await picturesBelow(join(path, folder), depth - 1)) files.push(file);
  }
  return files;
}
