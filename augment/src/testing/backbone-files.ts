import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesBeside } from '@offramp/runtime/testing';

const folder = fileURLToPath(new URL('../../../../shared/models', import.meta.url));

/**
 * Backbones of many kinds, from a folder beside the repository; none where it is absent.
 * @param tests what is skipped then
 * @param under a folder in it
 */
export function backboneFiles(tests: string, under = ''): { name: string; path: string }[] {
  const within = join(folder, under);
  return filesBeside(within, tests)
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => ({ name, path: join(within, name) }));
}
