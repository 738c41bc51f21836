// biome-ignore lint/style/noRestrictedImports: to append
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { Writable } from 'node:stream';

export interface AnswersFileOptions {
  path: string;
  /** Size at which the file is renamed and a new one created; 0: never. A longer line gets a file of its own. */
  maxBytes: number;
  /** Number of renamed files to keep: `path.1`, the newest, to `path.n`. */
  kept: number;
  /** Called for an incomplete last line, which an earlier process left when it was killed. */
  onTornLine: (line: TornLine) => void;
}

export interface TornLine {
  text: string;
  /** Whether it was the start of an answer and was removed. Any other text stays as a line. */
  removed: boolean;
}

/** The start of every answer. */
const answerStart = '{"id":';
/** Longest last line that is examined, in bytes. */
const maxLineBytes = 2 ** 20;

/** Appends to a file of lines. Each chunk contains whole lines, and is not split between files. */
export class AnswersFile extends Writable {
  private constructor(
    private file: FileHandle,
    private size: number,
    private readonly isRegular: boolean,
    private readonly options: AnswersFileOptions,
  ) {
    super();
  }

  /** @throws Error of the system */
  static async open(options: AnswersFileOptions): Promise<AnswersFile> {
    const file = await open(options.path, 'a');
    try {
      const info = await file.stat();
      const size = info.isFile() ? await closeLastLine(options, info.size) : 0;
      return new AnswersFile(file, size, info.isFile(), options);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  override _write(chunk: Buffer, _: string, done: (error?: Error) => void): void {
    this.append([chunk]).then(() => done(), done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
    this.append(chunks.map(({ chunk }) => chunk)).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.file.close().then(
      () => done(error),
      (cause: Error) => done(error ?? cause),
    );
  }

  private async append(lines: readonly Buffer[]): Promise<void> {
    let batch: Buffer[] = [];
    for (const line of lines) {
      if (!this.fits(line)) {
        await this.writeAll(batch);
        batch = [];
        await this.rotate();
      }
      batch.push(line);
      this.size += line.length;
    }
    await this.writeAll(batch);
  }

  private fits({ length }: Buffer): boolean {
    const { maxBytes } = this.options;
    return !this.isRegular || maxBytes === 0 || this.size === 0 || this.size + length <= maxBytes;
  }

  private async writeAll(batch: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(batch);
    for (let at = 0; at < bytes.length; ) at += (await this.file.write(bytes, at)).bytesWritten;
  }

  /** If the process is killed half-way, a number is missing. The next rotation moves files only up to it. */
  private async rotate(): Promise<void> {
    const { path, kept } = this.options;
    let last = 1;
    while (last < kept && (await exists(`${path}.${last}`))) last++;
    for (let i = last; i > 1; i--) await rename(`${path}.${i - 1}`, `${path}.${i}`);
    await rename(path, `${path}.1`);
    const next = await open(path, 'a');
    await this.file.close();
    this.file = next;
    this.size = 0;
  }
}

/** Completes or removes an incomplete last line. @returns the size of the file */
async function closeLastLine({ path, onTornLine }: AnswersFileOptions, size: number): Promise<number> {
  if (size === 0) return 0;
  const file = await open(path, 'r+');
  try {
    const length = Math.min(size, maxLineBytes);
    const { buffer: tail } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const start = tail.lastIndexOf('\n') + 1;
    if (start === length) return size;
    const text = tail.toString('utf8', start);
    const removed = isTornAnswer(text);
    if (removed) await file.truncate(size - length + start);
    else await file.write('\n', size);
    if (removed || !isJson(text)) onTornLine({ text, removed });
    return removed ? size - length + start : size + 1;
  } finally {
    await file.close();
  }
}

function isTornAnswer(line: string): boolean {
  return (line.startsWith(answerStart) || answerStart.startsWith(line)) && !isJson(line);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
