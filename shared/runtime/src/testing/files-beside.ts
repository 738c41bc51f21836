import { existsSync, readdirSync } from 'node:fs';

export interface FilesBesideOptions {
  environment?: Readonly<Record<string, string | undefined>>;
  say?: (line: string) => void;
}

/**
 * Names of the files in a folder outside the repository that some tests need. Where the folder is absent, says which
 * tests are skipped, and returns none.
 * @throws Error where the folder is absent or empty and `CI` is set: there these tests must run
 */
export function filesBeside(
  folder: string,
  tests: string,
  { environment = process.env, say = (line) => process.stderr.write(line) }: FilesBesideOptions = {},
): string[] {
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  if (names.length > 0) return names;
  if (environment.CI) throw new Error(`${tests}: expected files in ${folder}, found none`);
  say(`SKIPPED: ${tests}: there are no files in ${folder}\n`);
  return [];
}
