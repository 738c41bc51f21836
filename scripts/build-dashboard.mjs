#!/usr/bin/env node
// Puts the controller's web page together: one script, one style sheet, nothing from elsewhere.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './setup.mjs';

const from = join(root, 'controller/dashboard');
const to = join(root, 'controller/dist/dashboard');

mkdirSync(to, { recursive: true });
for (const file of ['index.html', 'icon.svg']) copyFileSync(join(from, file), join(to, file));
await build({
  entryPoints: { dashboard: join(from, 'src/main.tsx') },
  outdir: to,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  banner: { js: '/*! With Preact (preactjs.com), MIT licence, Copyright (c) 2015-present Jason Miller */' },
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
