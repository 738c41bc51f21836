import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);
const { workspaces } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as {
  workspaces: string[];
};

/** What a process shares: environment (but for the variable that sharp sets), signal handlers, working directory, exit code. */
const probe = (entry: string) => `
const look = () => JSON.stringify({
  environment: { ...process.env, VIPSHOME: '' },
  listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  directory: process.cwd(),
  exitCode: process.exitCode,
});
const before = look();
await import(${JSON.stringify(entry)});
console.log(JSON.stringify({ before, after: look() }));
process.exit();
`;

test.each(workspaces.filter((workspace) => !/^(cli|examples)/.test(workspace)))(
  'importing %s changes nothing process-wide',
  async (workspace) => {
    const entry = new URL(`${workspace}/dist/index.js`, root).href;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '--eval',
      probe(entry),
    ]);
    const { before, after } = JSON.parse(stdout) as { before: string; after: string };
    expect(JSON.parse(after)).toEqual(JSON.parse(before));
  },
);

/** Libraries of ONNX Runtime and sharp, which are the work of threads and processes. */
const workLibraries = ['onnxruntime-node', 'sharp'];

test.each([
  'shared/bundle/dist/cascade/cascade-thread.js',
  'shared/bundle/dist/inference/inference-thread.js',
  'shared/data/dist/pictures/decoder-process.js',
  'augment/dist/onnx/probe-process.js',
])('%s, which starts once for each thread or process, loads no other library', async (entry) => {
  const { metafile } = await build({
    ...{ entryPoints: [fileURLToPath(new URL(entry, root))], external: workLibraries },
    ...{ bundle: true, metafile: true, write: false, platform: 'node', format: 'esm', outdir: 'unused' },
  });
  const loaded = Object.keys(metafile.inputs);
  expect(loaded).not.toEqual([]);
  expect(loaded.filter((path) => path.includes('node_modules'))).toEqual([]);
});
