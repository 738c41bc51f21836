import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { bundlePath, picturesPath, temporaryFolder } from './support/example.js';

const bin = fileURLToPath(new URL('../cli/bin/offramp.js', import.meta.url));

it('an agent leaves no trace of ONNX Runtime sending usage data in the home folder', async () => {
  const home = await temporaryFolder();
  // ONNX Runtime keeps quiet by itself under CI, which is not the point.
  const { PATH = '' } = process.env;
  const run = ['agent', '--bundle', bundlePath, '--source', picturesPath, '--limit', '1', '--nats', 'none'];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [bin, ...run], {
      env: { PATH, HOME: home.path },
    });
    expect(JSON.parse(stdout)).toMatchObject({ id: 1 });
    expect(await readdir(home.path)).toEqual([]);
  } finally {
    await home.remove();
  }
});
