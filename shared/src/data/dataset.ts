import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { OfframpError } from '../errors.js';
import { openCifar } from './cifar.js';
import { openIdx } from './idx.js';
import { type Picture, pictureExtensions } from './picture.js';
import { openPictureFolder } from './picture-folder.js';

export interface DatasetSample {
  /** See {@link Dataset.nameAt}. */
  name: string;
  picture: Picture;
  /** Index of its true class, where known. */
  label: number | null;
}

/** Pictures that can be read in any order, any number of times. */
export interface Dataset {
  /** For people: what and where. */
  readonly description: string;
  readonly size: number;
  readonly labelled: boolean;
  /** Class names by label, where the data carry them. */
  readonly classNames: readonly string[] | null;
  /** Where a sample comes from: a path, or a file and an index in it. Without reading it. */
  nameAt(index: number): string;
  /** The label alone, without decoding the picture. */
  labelAt(index: number): number | null;
  /** @throws OfframpError `IMAGE_INVALID`, `DATA_INVALID` */
  read(index: number): Promise<DatasetSample>;
}

export type Split = 'train' | 'test';

export interface OpenDatasetOptions {
  /** Which part, where a folder holds both. */
  split: Split;
  /** Channels that pictures from files are decoded to; 3 unless told. */
  channels?: 1 | 3;
}

/**
 * Opens pictures by what stands at `path`: IDX files (`*-images-idx3-ubyte`, also `.gz`), CIFAR-10 or
 * CIFAR-100 binary files (`*.bin`), or image files, flat or in one folder per class. A folder with
 * `train/` and `test/` in it, or files named so, is narrowed to `split`.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export async function openDataset(path: string, options: OpenDatasetOptions): Promise<Dataset> {
  const info = await stat(path).catch(() => null);
  if (!info) throw new OfframpError('DATA_NOT_FOUND', `no data at ${path}: it does not exist`);
  if (info.isFile()) {
    if (isIdxImages(path)) return openIdx([path]);
    if (extname(path) === '.bin') return openCifar([path]);
    throw new OfframpError(
      'DATA_INVALID',
      `${path}: expected an IDX file (*-images-idx3-ubyte, *.gz), a CIFAR file (*.bin) or a folder`,
    );
  }
  const entries = (await readdir(path, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(path, entry.name));
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);

  const { split } = options;
  const idx = files.filter(isIdxImages);
  const idxOfSplit = narrow(idx, split);
  if (idxOfSplit.length > 0) return openIdx(idxOfSplit);
  const cifar = files.filter((file) => extname(file) === '.bin');
  const cifarOfSplit = narrow(cifar, split);
  if (cifarOfSplit.length > 0) return openCifar(cifarOfSplit);
  if (folders.includes(split)) return openDataset(join(path, split), options);
  const others = [...idx, ...cifar].map((file) => basename(file));
  others.push(...folders.filter((folder) => folder === 'train' || folder === 'test'));
  if (others.length > 0) {
    throw new OfframpError(
      'DATA_NOT_FOUND',
      `no pictures for ${split} in ${path}, only ${others.join(', ')}`,
      {
        hint: 'Ask for the other part with --split, or name other data.',
      },
    );
  }
  if (folders.length > 0 || files.some(isPicture)) {
    return openPictureFolder(path, options.channels ?? 3);
  }
  throw new OfframpError(
    'DATA_NOT_FOUND',
    `no pictures in ${path}: expected IDX files, CIFAR .bin files, images, or one folder of images per class`,
  );
}

export function isPicture(path: string): boolean {
  return pictureExtensions.includes(extname(path).toLowerCase());
}

function isIdxImages(path: string): boolean {
  return /images[-.]idx3-ubyte(\.gz)?$/.test(basename(path));
}

/** The files that name the split, if any file names one. */
function narrow(files: string[], split: Split): string[] {
  const train = /^(train|data_batch)/;
  const test = /^(test|t10k)/;
  const named = files.filter((file) => train.test(basename(file)) || test.test(basename(file)));
  if (named.length === 0) return files;
  return named.filter((file) => (split === 'train' ? train : test).test(basename(file)));
}
