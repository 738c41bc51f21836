import { availableParallelism } from 'node:os';
import type { InputSpecification, PictureFile, PictureInput } from '@offramp/bundle';
import { type Clock, isOfframpError, OfframpError, ProcessFailure, ProcessPool } from '@offramp/runtime';
import type { DecodedPicture, DecodeRequest } from './decoder-process.js';
import { pictureFileFormat } from './file-format.js';
import type { Picture } from './picture.js';

export interface PictureDecoderOptions {
  /** Pictures decoded at the same time, at most. Default: one per processor. */
  processes?: number;
  /** How much decoding gives way to other processes, as `nice` counts it. Default 0. */
  niceness?: number;
  /** Time for one picture, in milliseconds. Default 10 s. */
  maxMs?: number;
  /** Memory of one process, in bytes. Default 1 GiB: enough for the largest picture in every format. */
  maxBytes?: number;
  clock?: Clock;
}

const maxDecodeMs = 10_000;
const maxDecodeBytes = 2 ** 30;

// The compiled process, also for unit tests, which import the source.
const processModule = new URL('../../dist/pictures/decoder-process.js', import.meta.url);

/**
 * Decodes picture files in processes of its own, which are killed beyond a bound of time or memory: whatever a file does
 * to its decoder, it fails alone, and nothing waits for it. Processes start when they are first needed. The caller
 * bounds how many pictures wait.
 */
export class PictureDecoder {
  private readonly pool: ProcessPool<DecodeRequest, DecodedPicture>;

  constructor({ processes = availableParallelism(), ...options }: PictureDecoderOptions = {}) {
    const bounds = { maxMs: maxDecodeMs, maxBytes: maxDecodeBytes };
    this.pool = new ProcessPool({ module: processModule, processes, ...bounds, ...options });
  }

  /**
   * Decodes PNG, JPEG, WebP, GIF, TIFF or AVIF to grey or RGB, as `decodePicture` does.
   * @param name names the picture in errors
   * @throws OfframpError `IMAGE_INVALID`; `STOPPING` once closed
   */
  async decode(bytes: Uint8Array, channels: 1 | 3, name: string): Promise<Picture> {
    const { source: _, ...picture } = await this.run({ bytes, channels, name });
    return picture;
  }

  /**
   * Decodes a picture, and fits it to a model's input as `fitPicture` does.
   * @throws OfframpError `IMAGE_INVALID`, `CONFIG_INVALID`; `STOPPING` once closed
   */
  decodeFitted(bytes: Uint8Array, input: InputSpecification, name: string): Promise<DecodedPicture> {
    return this.run({ bytes, input, name });
  }

  /**
   * Decodes a picture file that travelled, as `unpackPicture` does.
   * @throws OfframpError `IMAGE_INVALID`; `STOPPING` once closed
   */
  unpack(file: PictureFile, input: PictureInput, name: string): Promise<Picture> {
    return this.run({ file, input, name });
  }

  /** Starts a process, so that the first picture need not wait for it. */
  warm(): void {
    this.pool.warm();
  }

  /** Ids of the processes, for those who measure. */
  get pids(): number[] {
    return this.pool.pids;
  }

  /** Kills the processes, whatever they do. Pictures that are not decoded are rejected with `STOPPING`. */
  close(): void {
    this.pool.close();
  }

  private async run(request: DecodeRequest): Promise<DecodedPicture> {
    const { name } = request;
    pictureFileFormat('file' in request ? request.file.bytes : request.bytes, name);
    try {
      return await this.pool.run(request);
    } catch (error) {
      throw asOfframpError(error, name);
    }
  }
}

let shared: PictureDecoder | null = null;

/** One for everything in this process that has no decoder of its own. */
export function sharedPictureDecoder(): PictureDecoder {
  shared ??= new PictureDecoder();
  return shared;
}

function asOfframpError(error: unknown, name: string): OfframpError {
  if (isOfframpError(error)) return error;
  if (!(error instanceof ProcessFailure))
    return new OfframpError('INTERNAL', String(error), { cause: error });
  const { reason, message } = error;
  if (reason === 'closed') return new OfframpError('STOPPING', `${name}: its decoding was stopped`);
  if (reason === 'start') return new OfframpError('INTERNAL', `the process that decodes pictures ${message}`);
  return new OfframpError(
    'IMAGE_INVALID',
    `${name}: cannot be decoded as a picture: its decoding ${message}`,
    { cause: error },
  );
}
