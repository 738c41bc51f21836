import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, OfframpError } from '../errors.js';
import type { Dataset } from './dataset.js';

const side = 32;
const pictureBytes = 3 * side * side;

/**
 * CIFAR-10 (`data_batch_1.bin` … `test_batch.bin`) and CIFAR-100 (`train.bin`, `test.bin`; fine labels)
 * in their binary form: one or two label bytes, then 32×32 red, green and blue planes.
 */
export async function openCifar(paths: readonly string[]): Promise<Dataset> {
  const files = await Promise.all(paths.map(readBatch));
  const rows = files.flatMap((file) => Array.from({ length: file.count }, (_, row) => ({ file, row })));
  const at = (index: number) => {
    const found = rows[index];
    if (!found) throw new OfframpError('INTERNAL', `sample ${index} of ${rows.length}`);
    return found;
  };
  const nameAt = (index: number) => {
    const { file, row } = at(index);
    return `${file.name}:${row}`;
  };
  const labelAt = (index: number) => {
    const { file, row } = at(index);
    return file.bytes[row * file.recordBytes + file.labelBytes - 1] as number;
  };
  return {
    description: `CIFAR ${paths.map((path) => basename(path)).join(', ')} (${rows.length} pictures)`,
    size: rows.length,
    labelled: true,
    classNames: await readClassNames(dirname(paths[0] ?? '.')),
    nameAt,
    labelAt,
    async read(index) {
      const { file, row } = at(index);
      const start = row * file.recordBytes + file.labelBytes;
      const planes = file.bytes.subarray(start, start + pictureBytes);
      const pixels = new Uint8Array(pictureBytes);
      for (let i = 0; i < side * side; i++) {
        for (let channel = 0; channel < 3; channel++) {
          pixels[i * 3 + channel] = planes[channel * side * side + i] as number;
        }
      }
      return {
        name: nameAt(index),
        label: labelAt(index),
        picture: { pixels, height: side, width: side, channels: 3 },
      };
    },
  };
}

async function readBatch(path: string) {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new OfframpError('DATA_NOT_FOUND', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  // CIFAR-100 files are named train.bin and test.bin and carry a coarse label before the fine one.
  const labelBytes = /^(train|test)\.bin$/.test(basename(path)) ? 2 : 1;
  const recordBytes = labelBytes + pictureBytes;
  const count = bytes.length / recordBytes;
  if (!Number.isInteger(count) || count === 0) {
    throw new OfframpError(
      'DATA_INVALID',
      `${path}: expected a multiple of ${recordBytes} bytes (CIFAR records), found ${bytes.length} bytes`,
    );
  }
  return { name: basename(path), bytes, labelBytes, recordBytes, count };
}

async function readClassNames(directory: string): Promise<string[] | null> {
  for (const file of ['batches.meta.txt', 'fine_label_names.txt']) {
    const text = await readFile(join(directory, file), 'utf8').catch(() => null);
    if (text)
      return text
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
  }
  return null;
}
