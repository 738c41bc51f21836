import type { InputSpecification, PictureFile, PictureInput } from '@offramp/bundle';
import { serveProcess } from '@offramp/runtime/child-process';
import { unpackPicture } from '../packing/unpack-picture.js';
import { decodePicture } from './decode-picture.js';
import type { Size } from './fit-crop.js';
import { fitPicture, pictureChannels } from './fit-picture.js';
import type { Picture } from './picture.js';
import { sharp } from './sharp.js';

/** A picture to decode, to these channels or to fit this input; or a file that travelled. */
export type DecodeRequest = { name: string } & (
  | { bytes: Uint8Array; channels: 1 | 3 }
  | { bytes: Uint8Array; input: InputSpecification }
  | { file: PictureFile; input: PictureInput }
);

/** A decoded picture, and what it was in its file: its size, and whether it had not to be turned. */
export interface DecodedPicture extends Picture {
  source: Size & { upright: boolean };
}

// One picture at a time on one thread: the number of processes is the bound. Nothing is decoded twice.
sharp.concurrency(1);
sharp.cache(false);

serveProcess(async (request: DecodeRequest): Promise<DecodedPicture> => {
  const { name } = request;
  if ('file' in request) return withSource(await unpackPicture(request.file, request.input, name), true);
  const channels = 'channels' in request ? request.channels : pictureChannels(request.input);
  const { upright, ...picture } = await decodePicture(request.bytes, channels, name);
  const { source } = withSource(picture, upright);
  return { ...('channels' in request ? picture : await fitPicture(picture, request.input)), source };
});

function withSource(picture: Picture, upright: boolean): DecodedPicture {
  const { height, width } = picture;
  return { ...picture, source: { height, width, upright } };
}
