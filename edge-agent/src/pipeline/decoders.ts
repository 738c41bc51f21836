import { availableParallelism } from 'node:os';
import { PictureDecoder } from '@offramp/data';
import type { Clock } from '@offramp/runtime';

/** Limit of processes that decode pictures, for the source and for the HTTP API each. */
const maxDecoders = 2;
/** Decoding for HTTP clients must not slow down inference or the source. */
const httpNiceness = 10;

const processes = Math.max(1, Math.min(maxDecoders, availableParallelism() - 1));

/** Source and HTTP API have separate decoders, so that neither waits for the other's pictures. */
export function sourceDecoder(clock: Clock): PictureDecoder {
  return new PictureDecoder({ processes, clock });
}

export function httpDecoder(clock: Clock): PictureDecoder {
  return new PictureDecoder({ processes, niceness: httpNiceness, clock });
}
