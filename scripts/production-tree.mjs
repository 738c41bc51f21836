// Copies only the files that a program needs to run, for container images.
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { root, SetupError } from './setup.mjs';

/** Files for compilers, debuggers and readers only. Licences stay. */
const uselessFile = /\.([cm]?ts|map|md|markdown|tsbuildinfo)$|\.test\.[cm]?js$/i;
/** At the top of a package. */
const uselessFolders = new Set([
  '.github',
  'bench',
  'benchmark',
  'benchmarks',
  'docs',
  'examples',
  'test',
  'tests',
]);
const typesOnly = /(^|\/)node_modules\/(@types\/|undici-types$)/;
/** The files of a workspace that `npm pack` would include, and those that Node.js needs to resolve it. */
const workspaceParts = ['package.json', 'bin', 'dist', 'generated'];

/**
 * Copies the compiled workspaces, their production dependencies and the contracts, laid out as in the repository.
 * They run on the platform and architecture that npm has installed them for.
 * @param target a folder, which is replaced
 */
export function stageProductionTree(target) {
  if (process.platform !== 'linux') {
    throw new SetupError(
      `images hold the packages that are installed here, which are for ${process.platform}`,
      'Run this on Linux, or in a Linux container that the repository is mounted into.',
    );
  }
  rmSync(target, { recursive: true, force: true });
  copyTree(join(root, 'proto'), join(target, 'proto'), () => true);
  const { packages } = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8'));
  for (const [path, { dev, link, resolved }] of Object.entries(packages)) {
    if (link) {
      if (!resolved.startsWith('examples/')) stageWorkspace(resolved, path, target);
    } else if (!dev && path.includes('node_modules/') && !typesOnly.test(path)) {
      copyTree(join(root, path), join(target, path), (file, isFolder) => isNeeded(file, isFolder));
    }
  }
}

function stageWorkspace(workspace, link, target) {
  for (const part of workspaceParts) {
    const source = join(root, workspace, part);
    const copy = join(target, workspace, part);
    if (part.includes('.')) copyOne(source, copy);
    else copyTree(source, copy, (file, isFolder) => isFolder || !uselessFile.test(file));
  }
  const at = join(target, link);
  mkdirSync(dirname(at), { recursive: true });
  symlinkSync(relative(dirname(at), join(target, workspace)), at);
}

/** @param file relative to its package */
function isNeeded(file, isFolder) {
  if (!isFolder) return !uselessFile.test(file);
  // Nested packages have their own entries.
  if (basename(file) === 'node_modules' || uselessFolders.has(file)) return false;
  // onnxruntime-node contains its library for every platform.
  const platform = /^bin\/napi-v\d+\/([^/]+)(?:\/([^/]+))?$/.exec(file);
  return !platform || (platform[1] === process.platform && (platform[2] ?? process.arch) === process.arch);
}

/** Copies the files that `isWanted` selects, readable for all users regardless of the umask of the checkout. */
function copyTree(from, to, isWanted, path = '') {
  let entries;
  try {
    entries = readdirSync(join(from, path), { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT' && path === '') return;
    throw error;
  }
  for (const entry of entries) {
    const file = path === '' ? entry.name : `${path}/${entry.name}`;
    if (!isWanted(file, entry.isDirectory())) continue;
    if (entry.isDirectory()) copyTree(from, to, isWanted, file);
    else copyOne(join(from, file), join(to, file), entry.isSymbolicLink());
  }
}

function copyOne(from, to, isLink = false) {
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  if (isLink) {
    symlinkSync(readlinkSync(from), to);
    return;
  }
  copyFileSync(from, to);
  chmodSync(to, 0o644);
}
