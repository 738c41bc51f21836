#!/usr/bin/env node
// Builds the controller's web page: one script and one style sheet, without external resources.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './setup.mjs';

const from = join(root, 'controller/dashboard');
const to = join(root, 'controller/dist/dashboard');
const licences = [
  'Preact (preactjs.com), MIT licence, Copyright (c) 2015-present Jason Miller',
  'eventsource-parser (github.com/rexxars/eventsource-parser), MIT licence, Copyright (c) 2026 Espen Hovlandsdal',
];

mkdirSync(to, { recursive: true });
for (const file of ['index.html', 'icon.svg']) copyFileSync(join(from, file), join(to, file));
await build({
  entryPoints: { dashboard: join(from, 'src/main.tsx') },
  outdir: to,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  banner: { js: licences.map((licence) => `/*! With ${licence} */`).join('\n') },
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
await build({
  entryPoints: { dashboard: join(from, 'dashboard.css') },
  outdir: to,
  minify: true,
  logLevel: 'warning',
});
