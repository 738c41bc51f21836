import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { messageOf, OfframpError, openFile, quoted, readPart, systemCodeOf } from '@offramp/runtime';
import type { onnx } from '#onnx';
import { bitsOf, dataTypeName } from './data-type.js';
import { DataLocation, externalTensors } from './graph.js';
import { maxModelBytes } from './model.js';

const hint =
  'Put the file beside the model, or save the model as one file: onnx.save_model(onnx.load(path), path, save_as_external_data=False).';

/** Where a tensor's values lie. */
interface Place {
  tensor: onnx.TensorProto;
  location: string;
  offset: number;
  length: number;
}

/**
 * Reads weights that are kept beside a model into it. Only files in the model's folder are read, and only links that stay in it
 * are followed. Sizes are checked before memory is allocated.
 * @param path of the model's file
 * @param modelBytes size of that file
 * @returns the bytes read, in the order of the tensors
 * @throws OfframpError `FILE_NOT_FOUND`, `MODEL_INVALID`
 */
export async function readExternalData(
  proto: onnx.ModelProto,
  path: string,
  modelBytes: number,
): Promise<Uint8Array[]> {
  const places = externalTensors(proto).map((tensor) => placeOf(tensor, path));
  const total = places.reduce((sum, { length }) => sum + length, modelBytes);
  if (total > maxModelBytes) {
    throw new OfframpError(
      'MODEL_INVALID',
      `${path} has ${total} bytes with the weights kept beside it; expected at most ${maxModelBytes}`,
    );
  }
  for (const location of new Set(places.map((place) => place.location))) {
    const ofFile = places.filter((place) => place.location === location);
    await readPlaces(location, ofFile, path);
  }
  return places.map(({ tensor }) => tensor.rawData);
}

function placeOf(tensor: onnx.TensorProto, where: string): Place {
  const refuse = (problem: string) => invalid(where, tensor, problem);
  const entry = (key: string) => tensor.externalData.find((found) => found.key === key)?.value;
  const numberOf = (key: string, absent: number) => {
    const text = entry(key) ?? `${absent}`;
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw refuse(`its ${key} is ${text}`);
    return value;
  };
  const location = entry('location') ?? '';
  const parts = location.split(/[/\\]/);
  if (location === '' || location.includes('\0') || isAbsolute(location) || parts.includes('..')) {
    throw refuse(`expected a file in the model's folder, found ${quoted(location)}`);
  }
  const bits = bitsOf(tensor.dataType);
  if (bits === undefined) throw refuse(`it is of ${dataTypeName(tensor.dataType)}`);
  const count = tensor.dims.reduce((product, size) => product * size.toNumber(), 1);
  const length = Math.ceil((count * bits) / 8);
  if (!Number.isSafeInteger(length) || length < 0) throw refuse(`its shape is ${tensor.dims.join('×')}`);
  const stated = numberOf('length', length);
  if (stated !== length) throw refuse(`expected ${length} bytes for its shape, found ${stated}`);
  return { tensor, location, offset: numberOf('offset', 0), length };
}

async function readPlaces(location: string, places: readonly Place[], path: string): Promise<void> {
  const [first] = places as [Place];
  const file = await openFile(await resolve(location, path, first)).catch((error: unknown) => {
    throw asInvalid(error, path, first);
  });
  try {
    const { size } = await file.stat();
    for (const { tensor, offset, length } of places) {
      if (offset + length > size) {
        const problem = `expected ${length} bytes at ${offset} of ${location}, which has ${size}`;
        throw invalid(path, tensor, problem);
      }
    }
    for (const { tensor, offset, length } of places) {
      tensor.rawData = await readPart(file, offset, length);
      tensor.externalData = [];
      tensor.dataLocation = DataLocation.default;
    }
  } catch (error) {
    throw asInvalid(error, path, first);
  } finally {
    await file.close();
  }
}

/** The real path of a file, links followed. @throws OfframpError for one outside of the model's folder */
async function resolve(location: string, path: string, place: Place): Promise<string> {
  try {
    const folder = await realpath(dirname(path));
    const file = await realpath(join(folder, location));
    const inside = relative(folder, file);
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw invalid(path, place.tensor, `${location} is a link out of the model's folder`);
    }
    return file;
  } catch (error) {
    throw asInvalid(error, path, place);
  }
}

function asInvalid(error: unknown, path: string, { tensor, location }: Place): OfframpError {
  if (error instanceof OfframpError) return error;
  const absent = ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '');
  const problem = absent ? `${location} does not exist` : `cannot read ${location}: ${messageOf(error)}`;
  return invalid(path, tensor, problem, absent ? 'FILE_NOT_FOUND' : 'MODEL_INVALID');
}

function invalid(
  where: string,
  { name }: onnx.TensorProto,
  problem: string,
  code: 'MODEL_INVALID' | 'FILE_NOT_FOUND' = 'MODEL_INVALID',
): OfframpError {
  return new OfframpError(code, `${where}: weights ${name} are kept in another file: ${problem}`, { hint });
}
