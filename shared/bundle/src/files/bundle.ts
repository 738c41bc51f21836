import { join } from 'node:path';
import { checkFile, messageOf, OfframpError, readFile, sha256Hex, systemCodeOf } from '@offramp/runtime';
import { type CalibrationTable, parseCalibrationTable } from '../calibration/table.js';
import type { BundleFile } from '../manifest/bundle-file.js';
import { type Manifest, parseManifest } from '../manifest/manifest.js';

export const manifestFileName = 'manifest.json';
export const maxManifestBytes = 16 * 2 ** 20;
const maxCalibrationBytes = 256 * 2 ** 20;

/** A bundle on disk. Its manifest has been read and checked; its files are checked when they are read. */
export class Bundle {
  private constructor(
    readonly directory: string,
    readonly manifest: Manifest,
    /** The manifest as it stands in its file. */
    readonly manifestBytes: Uint8Array,
    /** SHA-256 of the manifest, which holds the digests of all other files: the bundle's identity. */
    readonly digest: string,
  ) {}

  /**
   * Opens the bundle in a directory.
   * @throws OfframpError `FILE_NOT_FOUND`, `BUNDLE_INVALID`
   */
  static async open(directory: string): Promise<Bundle> {
    const path = join(directory, manifestFileName);
    let bytes: Buffer;
    try {
      bytes = await readFile(path, { atMost: maxManifestBytes });
    } catch (cause) {
      const absent = ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '');
      throw new OfframpError(
        absent ? 'FILE_NOT_FOUND' : 'BUNDLE_INVALID',
        absent
          ? `no bundle in ${directory}: ${path} does not exist`
          : `cannot read ${path}: ${messageOf(cause)}`,
        { hint: 'A bundle is the folder that `offramp augment MODEL --data DIR --out BUNDLE` wrote.', cause },
      );
    }
    return new Bundle(directory, parseManifest(bytes.toString('utf8'), path), bytes, sha256Hex(bytes));
  }

  get branches(): number {
    return this.manifest.stages.length - 1;
  }

  /** The digest in its wire format, 32 bytes. */
  get digestBytes(): Uint8Array {
    return Buffer.from(this.digest, 'hex');
  }

  /**
   * Checks that every stage is there in its size; reads none.
   * @returns differs once one of them has been written again
   * @throws OfframpError `BUNDLE_CORRUPT`
   */
  async checkStages(): Promise<string> {
    const changes: string[] = [];
    for (const { model, learned } of this.manifest.stages) {
      for (const file of learned ? [model, learned.encoder, learned.decoder] : [model]) {
        const { ino, mtimeMs } = await this.access(file, checkFile);
        changes.push(`${ino} ${mtimeMs}`);
      }
    }
    return changes.join();
  }

  /**
   * The ONNX models of stages `from` up to, not including, `to`.
   * @throws OfframpError `BUNDLE_CORRUPT`
   */
  async readStages(from = 0, to = this.manifest.stages.length): Promise<Uint8Array[]> {
    const models: Uint8Array[] = [];
    // In turn: of a broken bundle, no more than its first broken file is in memory.
    for (const { model } of this.manifest.stages.slice(from, to)) models.push(await this.read(model));
    return models;
  }

  /**
   * The ONNX models of the codec that was learned for a stage's activation; `null` if none was.
   * @throws OfframpError `BUNDLE_CORRUPT`
   */
  async readLearned(stage: number): Promise<{ encoder: Uint8Array; decoder: Uint8Array } | null> {
    const learned = this.manifest.stages[stage]?.learned;
    if (!learned) return null;
    return { encoder: await this.read(learned.encoder), decoder: await this.read(learned.decoder) };
  }

  /** @throws OfframpError `BUNDLE_CORRUPT`, `BUNDLE_INVALID` */
  async readCalibration(): Promise<CalibrationTable> {
    const { table: file, samples } = this.manifest.calibration;
    const where = join(this.directory, file.path);
    const table = parseCalibrationTable((await this.readCalibrationBytes()).toString('utf8'), where);
    if (table.branches.length !== this.branches || table.samples !== samples) {
      throw new OfframpError(
        'BUNDLE_INVALID',
        `${where}: expected ${this.branches} branches and ${samples} samples, as the manifest has it; found ${table.branches.length} and ${table.samples}`,
      );
    }
    return table;
  }

  /**
   * The calibration table as it stands in its file.
   * @throws OfframpError `BUNDLE_CORRUPT`, `BUNDLE_INVALID`
   */
  async readCalibrationBytes(): Promise<Buffer> {
    const { table } = this.manifest.calibration;
    if (table.bytes > maxCalibrationBytes) {
      throw new OfframpError(
        'BUNDLE_INVALID',
        `${join(this.directory, table.path)}: expected at most ${maxCalibrationBytes} bytes, found ${table.bytes}`,
      );
    }
    return this.read(table);
  }

  private async read(file: BundleFile): Promise<Buffer> {
    const bytes = await this.access(file, readFile);
    const found = sha256Hex(bytes);
    if (found !== file.sha256) throw this.corrupt(file, `expected SHA-256 ${file.sha256}, found ${found}`);
    return bytes;
  }

  /** Does something with a file, if it is there in its size. */
  private async access<T>(
    file: BundleFile,
    use: (path: string, size: { exactly: number }) => Promise<T>,
  ): Promise<T> {
    try {
      return await use(join(this.directory, file.path), { exactly: file.bytes });
    } catch (cause) {
      throw this.corrupt(file, systemCodeOf(cause) === 'ENOENT' ? 'is missing' : messageOf(cause), cause);
    }
  }

  private corrupt(file: BundleFile, problem: string, cause?: unknown): OfframpError {
    return new OfframpError('BUNDLE_CORRUPT', `${join(this.directory, file.path)}: ${problem}`, {
      hint: 'Copy the complete bundle again from where `offramp augment` wrote it.',
      cause,
    });
  }
}
