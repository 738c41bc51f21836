// biome-ignore lint/style/noRestrictedImports: a file that comes with the program
import { readFileSync } from 'node:fs';

const packageJson = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export const offrampVersion = packageJson.version;
