import type { InputSpecification } from '@offramp/bundle';
import { serveProcess } from '@offramp/runtime/child-process';
import { decodePicture } from './decode-picture.js';
import { fitPicture, pictureChannels } from './fit-picture.js';
import { sharp } from './sharp.js';

/** A picture to decode, to these channels or to fit this input. */
export type DecodeRequest = { bytes: Uint8Array; name: string } & (
  | { channels: 1 | 3 }
  | { input: InputSpecification }
);

// One picture at a time on one thread: the number of processes is the bound. Nothing is decoded twice.
sharp.concurrency(1);
sharp.cache(false);

serveProcess(async (request: DecodeRequest) => {
  const { bytes, name } = request;
  if ('channels' in request) return decodePicture(bytes, request.channels, name);
  const picture = await decodePicture(bytes, pictureChannels(request.input), name);
  return fitPicture(picture, request.input);
});
