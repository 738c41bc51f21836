#!/usr/bin/env node
// `npm run docs`: writes docs/commands.md and docs/errors.md from the programs' own descriptions.
import { writeFileSync } from 'node:fs';
import { commandReference, errorReference } from '@offramp/cli';

const write = (page, text) => writeFileSync(new URL(`../docs/${page}`, import.meta.url), text);
write('commands.md', await commandReference());
write('errors.md', errorReference());
