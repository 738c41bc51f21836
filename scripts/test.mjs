#!/usr/bin/env node
// `npm test`: sets up, runs every suite, and ends with the count. Arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { prepareNatsServer, prepareProject, reportSetupError, root } from './setup.mjs';

try {
  await prepareProject();
  const natsServer = await prepareNatsServer();
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const closingLine = join(root, 'scripts/closing-line-reporter.mjs');
  const { status } = spawnSync(
    process.execPath,
    [vitest, 'run', '--reporter=default', `--reporter=${closingLine}`, ...process.argv.slice(2)],
    { cwd: root, stdio: 'inherit', env: { ...process.env, OFFRAMP_NATS_SERVER: natsServer } },
  );
  process.exitCode = status ?? 1;
} catch (error) {
  reportSetupError(error);
}
