import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { OfframpError, systemCodeOf } from '../errors/offramp-error.js';

/** How large a file may be, in bytes: checked before any of it is read. */
export type FileSize = { atMost: number } | { exactly: number };

/** A single system call reads no more. */
const maxReadBytes = 2 ** 30;
/** Permissions of users that are not the owner. */
const othersBits = 0o077;

/**
 * Reads a file: the only way in which Offramp reads files that it did not come with. A FIFO, a device or a socket is
 * refused and never waited for. A file that is too large is refused before memory is allocated, and one that grows is
 * read as far as it reached when it was opened.
 * @throws Error the system's, or one that says what was expected and what was found
 */
export async function readFile(path: string, size: FileSize): Promise<Buffer> {
  return use(path, async (file) => readPart(file, 0, (await measure(file, size)).size));
}

/**
 * Checks a file as {@link readFile} does before it reads.
 * @returns what the file system says of it
 * @throws Error as {@link readFile}
 */
export async function checkFile(path: string, size: FileSize): Promise<Stats> {
  return use(path, (file) => measure(file, size));
}

/**
 * Reads a file with a secret, such as a private key, as {@link readFile} does.
 * @throws OfframpError `SECRET_EXPOSED` for a file that others than its owner may read or write
 * @throws Error as {@link readFile}
 */
export async function readSecretFile(path: string, maxBytes: number): Promise<Buffer> {
  return use(path, async (file) => {
    const { mode, size } = await measure(file, { atMost: maxBytes });
    if ((mode & othersBits) !== 0) {
      const found = (mode & 0o777).toString(8).padStart(3, '0');
      throw new OfframpError(
        'SECRET_EXPOSED',
        `${path}: expected a file that other users cannot read or write; found mode ${found}`,
        { hint: `Run \`chmod 600 ${path}\`.` },
      );
    }
    return readPart(file, 0, size);
  });
}

/** As {@link readFile}, as text in UTF-8. */
export async function readTextFile(path: string, maxBytes: number): Promise<string> {
  return (await readFile(path, { atMost: maxBytes })).toString('utf8');
}

/**
 * Opens a file to read parts of it; the caller closes it.
 * @throws Error the system's, or one that says what was found instead of a file
 */
export async function openFile(path: string): Promise<FileHandle> {
  // Without O_NONBLOCK, opening a FIFO waits until another process writes to it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw systemCodeOf(error) === 'ENXIO' ? notAFile('a socket') : error;
  });
  try {
    const info = await file.stat();
    if (!info.isFile()) throw notAFile(kindOf(info));
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function use<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await openFile(path);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

async function measure(file: FileHandle, size: FileSize): Promise<Stats> {
  const info = await file.stat();
  const limit = 'exactly' in size ? size.exactly : size.atMost;
  if (info.size > limit || ('exactly' in size && info.size < limit)) {
    throw new Error(`expected ${'exactly' in size ? '' : 'at most '}${limit} bytes, found ${info.size}`);
  }
  return info;
}

/**
 * Reads a part of an open file.
 * @throws Error for a file that ends before, which says what was expected and what was found
 */
export async function readPart(file: FileHandle, from: number, bytes: number): Promise<Buffer> {
  const content = Buffer.allocUnsafe(bytes);
  for (let filled = 0; filled < bytes; ) {
    const length = Math.min(bytes - filled, maxReadBytes);
    const { bytesRead } = await file.read(content, filled, length, from + filled);
    if (bytesRead === 0) throw new Error(`expected ${bytes} bytes, found ${filled}: it was being changed`);
    filled += bytesRead;
  }
  return content;
}

const notAFile = (found: string) => new Error(`expected a regular file, found ${found}`);

function kindOf(info: Stats): string {
  if (info.isDirectory()) return 'a folder';
  if (info.isFIFO()) return 'a FIFO';
  return info.isSocket() ? 'a socket' : 'a device';
}
