import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { OfframpError } from '@offramp/runtime';
import type { Dataset } from './dataset.js';
import { openCifar } from './formats/cifar.js';
import { openIdx } from './formats/idx.js';
import { npyPictureFiles, openNpy } from './formats/npy.js';
import { openNpz } from './formats/npz.js';
import { openPictureFolder } from './formats/picture-folder.js';
import { openSvhn } from './formats/svhn.js';
import { isPicture } from './pictures/picture.js';
import { type PictureDecoder, sharedPictureDecoder } from './pictures/picture-decoder.js';
import { narrowToSplit, type Split } from './split.js';

export interface OpenDatasetOptions {
  /** Which part, if a folder or an archive holds both. */
  split: Split;
  /** Channels that pictures from files are decoded to. Default 3. */
  channels?: 1 | 3;
  /** Decodes picture files. Default: {@link sharedPictureDecoder}. */
  decoder?: PictureDecoder;
}

/** A format of files that hold many pictures. */
interface Format {
  /** For messages. */
  name: string;
  /** The files that hold pictures. */
  select(paths: readonly string[]): string[];
  open(paths: readonly string[], split: Split): Promise<Dataset>;
}

const withExtension = (extension: string) => (paths: readonly string[]) =>
  paths.filter((path) => extname(path).toLowerCase() === extension);

const formats: readonly Format[] = [
  {
    name: 'an IDX file (*-images-idx3-ubyte, *.gz)',
    select: (paths) => paths.filter((path) => /images[-.]idx3-ubyte(\.gz)?$/.test(basename(path))),
    open: openIdx,
  },
  { name: 'a CIFAR file (*.bin)', select: withExtension('.bin'), open: openCifar },
  { name: 'an SVHN file (*.mat)', select: withExtension('.mat'), open: openSvhn },
  { name: 'a NumPy archive (*.npz)', select: withExtension('.npz'), open: openNpz },
  {
    name: 'a NumPy array (*.npy)',
    select: (paths) => npyPictureFiles(withExtension('.npy')(paths)),
    open: openNpy,
  },
];

/**
 * Opens the pictures at `path`: IDX files (`*-images-idx3-ubyte`, also `.gz`), CIFAR-10 or
 * CIFAR-100 binary files (`*.bin`), SVHN files (`*.mat`), NumPy archives or arrays (`*.npz`, `*.npy`), or image
 * files, unlabelled or in one folder per class. Of a folder with `train/` and `test/` in it, or files or arrays named
 * so, only `split` is opened.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export async function openDataset(path: string, options: OpenDatasetOptions): Promise<Dataset> {
  const info = await stat(path).catch(() => null);
  if (!info) throw new OfframpError('DATA_NOT_FOUND', `no data at ${path}: it does not exist`);
  if (info.isFile()) {
    const format = formats.find(({ select }) => select([path]).length > 0);
    if (format) return format.open([path], options.split);
    const names = formats.map(({ name }) => name).join(', ');
    throw new OfframpError('DATA_INVALID', `${path}: expected ${names} or a folder`);
  }
  if (!info.isDirectory()) throw new OfframpError('DATA_INVALID', `${path}: expected a file or a folder`);
  const entries = (await readdir(path, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);

  const { split } = options;
  for (const { select, open } of formats) {
    const paths = narrowToSplit(select(files), split).map((name) => join(path, name));
    if (paths.length > 0) return open(paths, split);
  }
  if (folders.includes(split)) return openDataset(join(path, split), options);
  const others = [
    ...formats.flatMap(({ select }) => select(files)),
    ...folders.filter((folder) => folder === 'train' || folder === 'test'),
  ];
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
    return openPictureFolder(path, options.channels ?? 3, options.decoder ?? sharedPictureDecoder());
  }
  throw new OfframpError(
    'DATA_NOT_FOUND',
    `no pictures in ${path}: expected IDX, CIFAR (.bin), SVHN (.mat) or NumPy files (.npz, .npy), images, or one folder of images per class`,
  );
}
