import { availableParallelism } from 'node:os';
import { PictureDecoder } from '@offramp/data';
import type { Clock } from '@offramp/runtime';

/** Processes that decode pictures, at most, for the source and for the HTTP API each. */
const maxDecoders = 2;
/** So that decoding what others send takes no processor from the samples that are running, nor from the source. */
const httpNiceness = 10;

const processes = Math.max(1, Math.min(maxDecoders, availableParallelism() - 1));

/** Source and HTTP API have decoders of their own, so that neither waits for the other's pictures. */
export function sourceDecoder(clock: Clock): PictureDecoder {
  return new PictureDecoder({ processes, clock });
}

export function httpDecoder(clock: Clock): PictureDecoder {
  return new PictureDecoder({ processes, niceness: httpNiceness, clock });
}
