import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../shared/models', import.meta.url));
const there = existsSync(folder);

/** Backbones of many kinds, which lie beside the project where it is developed and are not part of it. */
export const backboneFiles = {
  folder,
  names: there ? readdirSync(folder).filter((name) => name.endsWith('.onnx')) : [],
  /** Whether tests may go without them: nowhere that they are counted on. */
  skipped: !there && !process.env.CI,
  pathOf: (name: string) => join(folder, name),
};

/** Says which tests are left out, where the backbones are absent. */
export function announceSkipped(what: string): void {
  if (backboneFiles.skipped) {
    process.stderr.write(`SKIPPED: ${what}, as there is no folder ${folder}\n`);
  }
}
