import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { OfframpError } from '@offramp/runtime';
import { narrowToSplit, type Split } from './split.js';

/** A format of files that hold many samples. */
export interface Format<Opened> {
  /** For messages. */
  name: string;
  /** The files that hold samples. */
  select(paths: readonly string[]): string[];
  open(paths: readonly string[], split: Split): Promise<Opened>;
}

/** What data may be. */
export interface DataKind<Opened> {
  /** For messages: `pictures`. */
  name: string;
  /** For messages: what a folder of them holds. */
  folder: string;
  formats: readonly Format<Opened>[];
  /** Opens a folder, if that is a data set by itself: one with sub-folders or with certain files. */
  openFolder?: { hasSample(file: string): boolean; open(path: string): Promise<Opened> };
}

export const withExtension = (extension: string) => (paths: readonly string[]) =>
  paths.filter((path) => extname(path).toLowerCase() === extension);

/**
 * Opens the data at `path`: a file of one of the formats, or a folder of such. Of a folder with `train/` and `test/` in it,
 * or files named so, only `split` is opened.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export async function openAt<Opened>(path: string, split: Split, kind: DataKind<Opened>): Promise<Opened> {
  const { name: what, formats, openFolder } = kind;
  const info = await stat(path).catch(() => null);
  if (!info) throw new OfframpError('DATA_NOT_FOUND', `no data at ${path}: it does not exist`);
  if (info.isFile()) {
    const format = formats.find(({ select }) => select([path]).length > 0);
    if (format) return format.open([path], split);
    const names = formats.map(({ name }) => name).join(', ');
    throw new OfframpError('DATA_INVALID', `${path}: expected ${names} or a folder`);
  }
  if (!info.isDirectory()) throw new OfframpError('DATA_INVALID', `${path}: expected a file or a folder`);
  const entries = (await readdir(path, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);

  for (const { select, open } of formats) {
    const paths = narrowToSplit(select(files), split).map((name) => join(path, name));
    if (paths.length > 0) return open(paths, split);
  }
  if (folders.includes(split)) return openAt(join(path, split), split, kind);
  const others = [
    ...formats.flatMap(({ select }) => select(files)),
    ...folders.filter((folder) => folder === 'train' || folder === 'test'),
  ];
  if (others.length > 0) {
    throw new OfframpError(
      'DATA_NOT_FOUND',
      `no ${what} for ${split} in ${path}, only ${others.join(', ')}`,
      { hint: 'Ask for the other part with --split, or name other data.' },
    );
  }
  if (openFolder && (folders.length > 0 || files.some(openFolder.hasSample))) return openFolder.open(path);
  throw new OfframpError('DATA_NOT_FOUND', `no ${what} in ${path}: expected ${kind.folder}`);
}
