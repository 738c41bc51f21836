import { basename } from 'node:path';
import { messageOf, OfframpError, openFile } from '@offramp/runtime';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { narrowToSplit, type Split } from '../split.js';
import { labelsNameFor, sampleNames } from './array-names.js';
import { inflateExactly, invalidData, unreadable } from './data-file.js';
import { type NpyArray, type NpySamples, parseNpy } from './npy-array.js';
import { labelsOfNpy } from './npy-labels.js';

/** An archive with more arrays is not a data set. */
const maxArrays = 1000;

/**
 * Samples and labels in `.npz` files, by the names of their arrays: `x_train` and `y_train`, `images` and
 * `labels`, `arr_0` and `arr_1`; only those of the split, if names tell. Other arrays are not read.
 * @throws OfframpError `DATA_NOT_FOUND`, `DATA_INVALID`
 */
export async function readNpzFiles(paths: readonly string[], split: Split): Promise<NpySamples[]> {
  return (await Promise.all(paths.map((path) => readArchive(path, split)))).flat();
}

async function readArchive(path: string, split: Split): Promise<NpySamples[]> {
  const file = await openFile(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const zip = await fromFdPromise(file.fd, { autoClose: false }).catch((cause: unknown) => {
      throw invalidData(path, `is not a NumPy archive: ${messageOf(cause)}`, cause);
    });
    const entries = await entriesOf(zip, path);
    const names = [...entries.keys()];
    const chosen = narrowToSplit(sampleNames(names), split);
    if (chosen.length === 0) {
      throw new OfframpError(
        'DATA_NOT_FOUND',
        `no samples for ${split} in ${path}, only ${names.join(', ') || 'no arrays'}`,
        { hint: 'Ask for the other part with --split, or name other data.' },
      );
    }
    const parts: NpySamples[] = [];
    for (const name of chosen) {
      const read = (array: string) => readArray(zip, entries.get(array) as Entry, path);
      const labelsName = labelsNameFor(name, names);
      const labels =
        labelsName === null ? null : labelsOfNpy(await read(labelsName), `${path}: ${labelsName}`);
      parts.push({
        array: await read(name),
        labels,
        name: `${basename(path)}:${name}`,
        where: `${path}: ${name}`,
      });
    }
    return parts;
  } finally {
    await file.close();
  }
}

/** By the arrays' names. */
async function entriesOf(zip: ZipFile, path: string): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  if (zip.entryCount > maxArrays) throw invalidData(path, `holds more than ${maxArrays} arrays`);
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith('.npy')) entries.set(entry.fileName.slice(0, -'.npy'.length), entry);
    }
  } catch (cause) {
    throw invalidData(path, `is not a NumPy archive: ${messageOf(cause)}`, cause);
  }
  return entries;
}

async function readArray(zip: ZipFile, entry: Entry, path: string): Promise<NpyArray> {
  const where = `${path}: ${entry.fileName}`;
  const stream = await zip.openReadStreamPromise(entry).catch((cause: unknown) => {
    throw invalidData(where, messageOf(cause), cause);
  });
  const declared = { bytes: entry.uncompressedSize, fromBytes: entry.compressedSize };
  return parseNpy(await inflateExactly(stream, declared, where), where);
}
