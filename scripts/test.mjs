#!/usr/bin/env node
// `npm test`: sets up, runs every suite, and closes with the count. Arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareNatsServer, prepareProject, reportSetupError, root } from './setup.mjs';

try {
  prepareProject();
  const natsServer = prepareNatsServer();
  const scratch = mkdtempSync(join(tmpdir(), 'offramp-test-'));
  const report = join(scratch, 'report.json');
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const { status } = spawnSync(
    process.execPath,
    [
      vitest,
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...process.argv.slice(2),
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, OFFRAMP_NATS_SERVER: natsServer } },
  );
  const counts = JSON.parse(readFileSync(report, 'utf8'));
  rmSync(scratch, { recursive: true });
  const skipped = counts.numPendingTests + (counts.numTodoTests ?? 0);
  process.stdout.write(
    `${counts.numPassedTests} passed, ${counts.numFailedTests} failed${skipped ? `, ${skipped} skipped` : ''}\n`,
  );
  process.exitCode = status ?? 1;
} catch (error) {
  reportSetupError(error);
}
