#!/usr/bin/env node
// `npm run images`: builds the container images of the programs.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stageProductionTree } from './production-tree.mjs';
import { prepareProject, reportSetupError, root, SetupError } from './setup.mjs';

const programs = ['agent', 'worker', 'controller'];
const usage = `Usage: npm run images -- [options]

Builds the images offramp-agent, offramp-worker and offramp-controller from this checkout.

Options:
  --base <image>  image to build on, with Node.js 20.12 or newer in its PATH and glibc (default: as in the Dockerfiles)
  --tag <tag>     tag of the images (default: latest)
  --no-build      use the existing output of \`npm run build\`, without installing or building first
  -h, --help      print help`;

try {
  const { base, tag, help, 'no-build': noBuild } = readOptions();
  if (help) {
    console.log(usage);
  } else {
    const context = join(root, 'deploy/.stage');
    if (!noBuild) await prepareProject();
    stageProductionTree(context);
    for (const program of programs) buildImage(program, context, base, tag);
  }
} catch (error) {
  reportSetupError(error);
}

function readOptions() {
  const options = {
    base: { type: 'string' },
    tag: { type: 'string', default: 'latest' },
    'no-build': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new SetupError(error.message, 'Add --help for the options.');
  }
}

function buildImage(program, context, base, tag) {
  const image = `offramp-${program}:${tag}`;
  const { status, stdout, stderr, error } = spawnSync(
    'docker',
    [
      'build',
      ...['--file', join(root, `deploy/docker/${program}.Dockerfile`), '--tag', image],
      ...(base === undefined ? [] : ['--build-arg', `BASE=${base}`]),
      context,
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) {
    throw new SetupError(
      `docker build of ${image} failed`,
      (error?.message ?? `${stdout}${stderr}`).trim().split('\n').slice(-20).join('\n  '),
    );
  }
  const inspected = spawnSync('docker', ['image', 'inspect', '--format', '{{.Size}}', image], {
    encoding: 'utf8',
  });
  console.log(`${image}: ${(Number(inspected.stdout) / 1e6).toFixed(0)} MB`);
}
