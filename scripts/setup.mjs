// Prepares what `npm run demo` and `npm test` need. Requires only Node.js and npm.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** A step that failed, with a hint for the user. */
export class SetupError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

/** Installs the npm packages if they are missing or older than the lock file, and builds. */
export async function prepareProject() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 12)) {
    throw new SetupError(
      `Node.js ${process.versions.node} is too old`,
      'Offramp needs Node.js 20.12 or newer.',
    );
  }
  const installed = statSync(join(root, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  if (!installed || installed.mtimeMs < statSync(join(root, 'package-lock.json')).mtimeMs) {
    await step(
      'installing npm packages',
      'npm',
      ['ci', '--no-progress', '--loglevel=error'],
      'Check the network and the npm registry that npm is configured for.',
    );
  }
  await step('building', 'npm', ['run', '--silent', 'build']);
}

/**
 * Finds or installs a NATS server: from PATH, else the system's package, else a container.
 * @returns the path of an executable to run as `nats-server`
 */
export async function prepareNatsServer() {
  const found =
    process.env.OFFRAMP_NATS_SERVER ??
    findNatsServer() ??
    (await installNatsServer()) ??
    containerNatsServer();
  if (!found) {
    throw new SetupError(
      'no NATS server found, and none could be installed',
      'Install one (`sudo apt-get install nats-server`, or https://nats.io/download) or name its binary in OFFRAMP_NATS_SERVER.',
    );
  }
  return found;
}

/** Prints why the set-up failed and sets the exit status. */
export function reportSetupError(error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`error: ${error.message}\n${error.hint ? `  ${error.hint}\n` : ''}`);
  process.exitCode = 1;
}

/** Runs a command quietly to its end. Forwards Ctrl-C and waits, so that nothing continues behind the prompt. */
async function step(title, command, args, explanation = '') {
  const started = performance.now();
  if (process.stderr.isTTY) process.stderr.write(`${title} …`);
  const child = spawn(command, args, { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-8_000);
    });
  }
  let stopped = null;
  const stop = (signal) => {
    stopped ??= signal;
    process.kill(-child.pid, signal);
  };
  for (const signal of stopSignals) process.on(signal, stop);
  const status = await new Promise((resolve) => {
    child.once('error', (error) => {
      output += error.message;
      resolve(-1);
    });
    child.once('close', resolve);
  });
  for (const signal of stopSignals) process.off(signal, stop);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  if (stopped) process.exit(stopped === 'SIGTERM' ? 143 : 130);
  if (status !== 0) {
    const lines = output.trim().split('\n').slice(-15);
    throw new SetupError(
      `${title} failed. ${explanation}`.trim(),
      [`${command} ${args.join(' ')}`, ...lines].join('\n  '),
    );
  }
  process.stderr.write(`${title}: done in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

function findNatsServer() {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/usr/local/bin',
  ];
  return folders.map((folder) => join(folder, 'nats-server')).find(isExecutable);
}

async function installNatsServer() {
  if (!hasCommand('apt-get')) return undefined;
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (sudo.length > 0 && spawnSync('sudo', ['-n', 'true']).status !== 0) return undefined;
  const env = ['env', 'DEBIAN_FRONTEND=noninteractive'];
  try {
    const [update, ...updateArgs] = [...sudo, ...env, 'apt-get', 'update', '-qq'];
    await step('refreshing the package list', update, updateArgs);
    const [install, ...installArgs] = [
      ...[...sudo, ...env, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'nats-server'],
    ];
    await step("installing the system's nats-server package", install, installArgs);
  } catch (error) {
    if (error instanceof SetupError) return undefined;
    throw error;
  }
  return findNatsServer();
}

/** A script in place of the binary, which runs the official image with the same arguments. */
function containerNatsServer() {
  if (!hasCommand('docker') || spawnSync('docker', ['info']).status !== 0) return undefined;
  const image = process.env.OFFRAMP_NATS_IMAGE ?? 'nats:2-alpine';
  if (spawnSync('docker', ['image', 'inspect', image]).status !== 0) {
    if (spawnSync('docker', ['pull', image], { stdio: 'ignore' }).status !== 0) return undefined;
  }
  const path = join(root, '.cache/bin/nats-server');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\nexec docker run --rm --init --network host -v /tmp:/tmp ${image} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

const hasCommand = (name) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
