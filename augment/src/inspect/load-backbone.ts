import { basename } from 'node:path';
import { sha256Hex } from '@offramp/runtime';
import { readExternalData } from '../onnx/external-data.js';
import { type BackboneProfile, type ProfileOptions, profileBackbone } from '../onnx/profile.js';
import { decodeModel, modelOf, readModelBytes } from '../onnx/read-model.js';

/** A backbone's file, read and profiled. */
export interface Backbone {
  /** The file's name, without its folder. */
  file: string;
  /** Of the file; with weights in other files, of the digests of all parts. */
  sha256: string;
  profile: BackboneProfile;
}

export interface LoadOptions extends ProfileOptions {
  /** Name of the output that holds the answer, where there are several. */
  output?: string | undefined;
  /** Default: from the file system. */
  readBytes?: (path: string) => Promise<Uint8Array>;
}

/**
 * Reads an ONNX classifier once, and profiles it once.
 * @throws OfframpError `FILE_NOT_FOUND`, `MODEL_INVALID`, `MODEL_UNSUPPORTED`, `CONFIG_INVALID`
 */
export async function loadBackbone(
  path: string,
  { readBytes = readModelBytes, output, ...options }: LoadOptions = {},
): Promise<Backbone> {
  const bytes = await readBytes(path);
  const proto = decodeModel(bytes, path);
  const weights = await readExternalData(proto, path, bytes.length);
  const profile = await profileBackbone(modelOf(proto, path, output), options);
  return { file: basename(path), sha256: digestOf(bytes, weights), profile };
}

function digestOf(bytes: Uint8Array, weights: readonly Uint8Array[]): string {
  const own = sha256Hex(bytes);
  return weights.length === 0 ? own : sha256Hex(Buffer.from([own, ...weights.map(sha256Hex)].join('\n')));
}
