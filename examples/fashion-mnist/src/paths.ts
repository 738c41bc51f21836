import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const example = fileURLToPath(new URL('..', import.meta.url));

export const bundlePath = join(example, 'bundle');
export const picturesPath = join(example, 'data');

/** The `offramp` command, run as `node offrampBin …`. */
export const offrampBin = join(
  dirname(createRequire(import.meta.url).resolve('@offramp/cli')),
  '../bin/offramp.js',
);
