#!/usr/bin/env node
// `npm run docs`: writes docs/commands.md from the command line's own help.
import { writeFileSync } from 'node:fs';
import { commandReference } from '@offramp/cli';

writeFileSync(new URL('../docs/commands.md', import.meta.url), await commandReference());
