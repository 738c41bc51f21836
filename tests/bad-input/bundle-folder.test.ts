import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestFileName } from '@offramp/bundle';
import { makeFifo, temporaryFolder } from '@offramp/runtime/testing';
import { expect, it } from 'vitest';
import { agentArguments, answersOf, CommandLine, expectNoStack } from '../support/command-line.js';
import { bundlePath, bundleWithThresholds, picturesPath } from '../support/example.js';

const cycles = 100;
/** Cycles after which memory has reached its usual size. */
const warmCycles = 40;
/** Cycles between two in which a whole bundle comes and goes. A bundle takes about 40 MiB while it is served. */
const wholeEvery = 10;
const maxGrowthBytes = 60 * 2 ** 20;

it('a bundle is served through a hundred changes of its folder, good and bad, and memory stays flat', async () => {
  const folder = await temporaryFolder();
  const within = (...names: string[]) => join(folder, ...names);
  const kept = await bundleWithThresholds(within('kept'), () => 2);
  const manifest = await readFile(within('kept', manifestFileName), 'utf8');
  const worker = new CommandLine(
    ...['worker', '--bundle-folder', folder, '--bundle-scan-ms', '10'],
    ...['--threads', '1', '--listen', '127.0.0.1:0'],
  );
  const [, address = ''] = await worker.output(/^listening on (\S+)$/m);
  const agent = new CommandLine(
    ...agentArguments(kept.directory, '--source', picturesPath, '--loop', '--rate', '20'),
    ...['--cloud', address, '--offload-timeout-ms', '60000'],
  );
  await agent.output(/"offloaded":true/);

  let warmBytes = 0;
  for (let cycle = 1; cycle <= cycles; cycle++) {
    const names = ['fifo', 'endless', 'half', 'manifest'].map((kind) => `${kind}-${cycle}`);
    const [fifo = '', endless = '', half = '', bad = ''] = names;
    for (const name of names) await mkdir(within(name, 'stages'), { recursive: true });
    await makeFifo(within(fifo, manifestFileName));
    await symlink('/dev/zero', within(endless, manifestFileName));
    await cp(join(bundlePath, 'stages/0.onnx'), within(half, 'stages/0.onnx'));
    await writeFile(within(half, manifestFileName), manifest.replace(/"name":"/, `$&${half} `));
    await writeFile(within('kept', manifestFileName), manifest.slice(0, cycle * 50));
    await writeFile(within(bad, manifestFileName), manifest.slice(0, -cycle));
    for (const name of names) await worker.output(new RegExp(`/${name}["/].*cannot be served`));
    await writeFile(within('kept', manifestFileName), manifest);
    for (const name of names) await rm(within(name), { recursive: true });
    if (cycle % wholeEvery === 0) {
      const name = `whole-${cycle}`;
      await cp(bundlePath, within('.copy'), { recursive: true });
      await writeFile(within('.copy', manifestFileName), manifest.replace(/"name":"/, `$&${name} `));
      await rename(within('.copy'), within(name));
      await worker.output(new RegExp(`/${name}".*bundle loaded`));
      await rm(within(name), { recursive: true });
      await worker.output(new RegExp(`/${name}".*bundle unloaded`));
    }
    if (cycle === warmCycles) warmBytes = await worker.residentBytes();
  }
  const grown = (await worker.residentBytes()) - warmBytes;

  const ended = await agent.interrupt();
  const answers = answersOf(ended);
  expect(answers.length).toBeGreaterThan(0);
  expect(answers.filter(({ offloaded, degraded }) => !offloaded || degraded)).toEqual([]);
  expect(grown).toBeLessThan(maxGrowthBytes);
  const stopped = await worker.interrupt('SIGTERM');
  expect(stopped.status).toBe(0);
  expectNoStack(stopped);
});
