import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The Markdown files that belong to the repository, as paths from its root. */
export function markdownFiles(): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '*.md'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  return listed.split('\0').filter((path) => path !== '');
}

export interface DocumentTable {
  /** The nearest heading above it. */
  heading: string;
  /** Cells without the header row. */
  rows: string[][];
}

/** The tables of a Markdown file. */
export function readTables(path: string): DocumentTable[] {
  const tables: DocumentTable[] = [];
  let heading = '';
  let table: DocumentTable | null = null;
  for (const line of readFileSync(join(root, path), 'utf8').split('\n')) {
    if (line.startsWith('#')) heading = line.replace(/^#+ /, '');
    if (!line.startsWith('|')) {
      table = null;
    } else if (table) {
      const cells = line.split('|').slice(1, -1);
      if (!/^-+$/.test(cells[0]?.trim() ?? '')) table.rows.push(cells.map((cell) => cell.trim()));
    } else {
      table = { heading, rows: [] };
      tables.push(table);
    }
  }
  return tables;
}
