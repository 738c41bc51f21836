import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { messageOf, OfframpError } from '../errors.js';
import { type Dataset, isPicture } from './dataset.js';
import { decodePicture } from './picture.js';

/**
 * Image files: flat and unlabelled, or one folder per class. Labels count the class folders in name
 * order from 0. Files that are no pictures by their name are passed over.
 */
export async function openPictureFolder(path: string, channels: 1 | 3): Promise<Dataset> {
  const entries = await readdir(path, { withFileTypes: true });
  const classNames = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort();
  const labelled = classNames.length > 0;
  const files: { path: string; label: number | null }[] = [];
  for (const [label, folder] of (labelled ? classNames : ['.']).entries()) {
    const names = (await readdir(join(path, folder))).filter(isPicture).sort();
    files.push(...names.map((name) => ({ path: join(path, folder, name), label: labelled ? label : null })));
  }
  if (files.length === 0)
    throw new OfframpError('DATA_NOT_FOUND', `no pictures in ${path} or its class folders`);
  const at = (index: number) => {
    const found = files[index];
    if (!found) throw new OfframpError('INTERNAL', `sample ${index} of ${files.length}`);
    return found;
  };
  const nameAt = (index: number) => relative(path, at(index).path);
  return {
    description: `${basename(path)}/ (${files.length} pictures${labelled ? `, ${classNames.length} classes` : ''})`,
    size: files.length,
    labelled,
    classNames: labelled ? classNames : null,
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
