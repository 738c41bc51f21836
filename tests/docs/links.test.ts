import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { markdownFiles, root } from '../support/documents.js';

// Targets that are not files of the repository: other sites, and places on the same page.
const elsewhere = /^([a-z]+:|#)/;
const link = /\]\(<?([^)\s>]+)>?\)/g;

it.each(markdownFiles())('%s links to files that are there', (file) => {
  const text = readFileSync(join(root, file), 'utf8').replace(/```[\s\S]*?```/g, '');
  const targets = [...text.matchAll(link)].map(([, target = '']) => target);
  const broken = targets
    .filter((target) => !elsewhere.test(target))
    .filter((target) => !existsSync(join(root, dirname(file), target.replace(/#.*/, ''))));
  expect(broken).toEqual([]);
});
