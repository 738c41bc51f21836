import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findNatsServer } from '@offramp/contracts/testing';
import { docker } from './engine.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** An image to test with. */
export interface TestImage {
  name: string;
  /** Removes it, if the test made it. */
  remove(): Promise<void>;
}

/**
 * An image with Node.js and the libraries that Offramp's native packages need, made of this machine's own
 * files, so that no registry is needed. `OFFRAMP_TEST_NODE_IMAGE` names another.
 */
export async function nodeImage(tag: string): Promise<TestImage> {
  const given = process.env.OFFRAMP_TEST_NODE_IMAGE;
  if (given) return { name: given, remove: async () => undefined };
  return imageOf(`offramp-test-node:${tag}`, {
    program: process.execPath,
    as: '/usr/local/bin/node',
    libraries: await librariesOf([process.execPath, ...(await nativeModules())]),
    instructions: ['CMD ["node"]'],
  });
}

/**
 * An image with this machine's NATS server, which takes the same arguments as the official one.
 * `OFFRAMP_TEST_NATS_IMAGE` names another.
 */
export async function natsImage(tag: string): Promise<TestImage> {
  const given = process.env.OFFRAMP_TEST_NATS_IMAGE;
  if (given) return { name: given, remove: async () => undefined };
  const program = findNatsServer();
  if (!(await isElf(program))) {
    // What `npm test` falls back to: a script that runs the official image.
    return { name: process.env.OFFRAMP_NATS_IMAGE ?? 'nats:2-alpine', remove: async () => undefined };
  }
  return imageOf(`offramp-test-nats:${tag}`, {
    program,
    as: '/usr/local/bin/nats-server',
    libraries: await librariesOf([program]),
    instructions: ['EXPOSE 4222', 'ENTRYPOINT ["nats-server"]'],
  });
}

interface Contents {
  program: string;
  as: string;
  libraries: string[];
  instructions: string[];
}

const etc = {
  passwd: 'root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
  'nsswitch.conf': 'hosts: files dns\n',
};

async function imageOf(name: string, contents: Contents): Promise<TestImage> {
  const context = await mkdtemp(join(tmpdir(), 'offramp-image-'));
  try {
    const place = async (from: string, to: string) => {
      await mkdir(dirname(join(context, 'files', to)), { recursive: true });
      await copyFile(from, join(context, 'files', to));
    };
    await place(contents.program, contents.as);
    await Promise.all(contents.libraries.map((library) => place(library, library)));
    await mkdir(join(context, 'files/etc'), { recursive: true });
    for (const [file, text] of Object.entries(etc)) await writeFile(join(context, 'files/etc', file), text);
    const dockerfile = [
      'FROM scratch',
      'COPY files /',
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      ...contents.instructions,
    ];
    await writeFile(join(context, 'Dockerfile'), `${dockerfile.join('\n')}\n`);
    await docker('build', '--tag', name, context);
  } finally {
    await rm(context, { recursive: true });
  }
  return { name, remove: async () => void (await docker('image', 'rm', '--force', name)) };
}

/** The system's shared libraries, the loader among them, that programs and libraries ask for. */
async function librariesOf(files: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const file of files) {
    const { stdout } = await promisify(execFile)('ldd', [file]);
    for (const [, library = ''] of stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)) {
      if (!library.startsWith(root)) found.add(library);
    }
  }
  return [...found];
}

/** What of the installed packages is machine code for this platform. */
async function nativeModules(): Promise<string[]> {
  const packages = ['node_modules/onnxruntime-node/bin', 'node_modules/@img'];
  const found = await Promise.all(
    packages.map(async (folder) => {
      const files = await readdir(join(root, folder), { recursive: true });
      return files.filter((file) => /\.(node|so[.\d]*)$/.test(file)).map((file) => join(root, folder, file));
    }),
  );
  const here = new RegExp(`[/-]${process.platform}[/-]${process.arch}[/-]`);
  return found.flat().filter((file) => here.test(file));
}

async function isElf(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === '\x7fELF';
  } finally {
    await file.close();
  }
}
