import { basename } from 'node:path';
import type { InputSpecification, TensorInput } from '@offramp/bundle';
import type { Dataset, PictureDataset } from './dataset.js';
import { openCifar } from './formats/cifar.js';
import { openIdx } from './formats/idx.js';
import { npyFiles, readNpyFiles } from './formats/npy.js';
import type { NpySamples } from './formats/npy-array.js';
import { picturesOfNpy } from './formats/npy-pictures.js';
import { tensorsOfNpy } from './formats/npy-tensors.js';
import { readNpzFiles } from './formats/npz.js';
import { openPictureFolder } from './formats/picture-folder.js';
import { openSvhn } from './formats/svhn.js';
import { type DataKind, type Format, openAt, withExtension } from './locate-data.js';
import { pictureChannels } from './pictures/fit-picture.js';
import { isPicture } from './pictures/picture.js';
import { type PictureDecoder, sharedPictureDecoder } from './pictures/picture-decoder.js';
import type { Split } from './split.js';

export interface OpenInputsOptions {
  /** Which part, if a folder or an archive holds both. */
  split: Split;
  /** Decodes picture files. Default: {@link sharedPictureDecoder}. */
  decoder?: PictureDecoder;
}

export interface OpenDatasetOptions extends OpenInputsOptions {
  /** Channels that pictures from files are decoded to. Default 3. */
  channels?: 1 | 3;
}

/** NumPy archives and arrays, whatever is made of them. */
function npyFormats<Opened>(
  open: (samples: readonly NpySamples[], description: string) => Opened,
): Format<Opened>[] {
  const describe = (paths: readonly string[]) => `NumPy ${paths.map((path) => basename(path)).join(', ')}`;
  return [
    {
      name: 'a NumPy archive (*.npz)',
      select: withExtension('.npz'),
      open: async (paths, split) => open(await readNpzFiles(paths, split), describe(paths)),
    },
    {
      name: 'a NumPy array (*.npy)',
      select: (paths) => npyFiles(withExtension('.npy')(paths)),
      open: async (paths) => open(await readNpyFiles(paths), describe(paths)),
    },
  ];
}

/** What a path to pictures may hold, in words. */
export const pictureForms =
  'IDX, CIFAR (.bin), SVHN (.mat) or NumPy files (.npz, .npy), images, or one folder of images per class';

/** What a path to tensors may hold, in words. */
export const tensorForms = 'NumPy files (.npz, .npy)';

const pictureFormats: readonly Format<PictureDataset>[] = [
  {
    name: 'an IDX file (*-images-idx3-ubyte, *.gz)',
    select: (paths) => paths.filter((path) => /images[-.]idx3-ubyte(\.gz)?$/.test(basename(path))),
    open: openIdx,
  },
  { name: 'a CIFAR file (*.bin)', select: withExtension('.bin'), open: openCifar },
  { name: 'an SVHN file (*.mat)', select: withExtension('.mat'), open: openSvhn },
  ...npyFormats(picturesOfNpy),
];

/**
 * Opens the pictures at `path`: IDX files (`*-images-idx3-ubyte`, also `.gz`), CIFAR-10 or
 * CIFAR-100 binary files (`*.bin`), SVHN files (`*.mat`), NumPy archives or arrays (`*.npz`, `*.npy`), or image
 * files, unlabelled or in one folder per class. Of a folder with `train/` and `test/` in it, or files or arrays named
 * so, only `split` is opened.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export function openDataset(path: string, options: OpenDatasetOptions): Promise<PictureDataset> {
  const { channels = 3, decoder } = options;
  const pictures: DataKind<PictureDataset> = {
    name: 'pictures',
    folder: pictureForms,
    formats: pictureFormats,
    openFolder: {
      hasSample: isPicture,
      open: (folder) => openPictureFolder(folder, channels, decoder ?? sharedPictureDecoder()),
    },
  };
  return openAt(path, options.split, pictures);
}

/**
 * Opens the tensors at `path`: NumPy archives or arrays (`*.npz`, `*.npy`) of numbers of any type and range, whose first
 * dimension counts the samples. Parts as {@link openDataset} has them.
 * @throws OfframpError `DATA_NOT_FOUND`; `DATA_INVALID` also for samples of another shape than the input's
 */
export function openTensors(path: string, input: TensorInput, split: Split): Promise<Dataset> {
  return openAt(path, split, {
    name: 'tensors',
    folder: tensorForms,
    formats: npyFormats((samples, description) => tensorsOfNpy(samples, input, description)),
  });
}

/**
 * Opens what a model's input is made of: pictures or tensors.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export function openInputs(
  path: string,
  input: InputSpecification,
  { split, decoder }: OpenInputsOptions,
): Promise<Dataset> {
  if (input.kind === 'tensor') return openTensors(path, input, split);
  return openDataset(path, { split, channels: pictureChannels(input), ...(decoder ? { decoder } : {}) });
}
