import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CalibrationTable, parseCalibrationTable } from '../calibration/table.js';
import { sha256Hex } from '../digest.js';
import { messageOf, OfframpError, systemCodeOf } from '../errors.js';
import { type BundleFile, type Manifest, parseManifest } from './manifest.js';

export const manifestFileName = 'manifest.json';
const maxManifestBytes = 16 * 2 ** 20;

/** A bundle on disk whose manifest has been read and checked; its files are checked when they are read. */
export class Bundle {
  private constructor(
    readonly directory: string,
    readonly manifest: Manifest,
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
      const { size } = await stat(path);
      if (size > maxManifestBytes) {
        throw new OfframpError(
          'BUNDLE_INVALID',
          `${path} has ${size} bytes; expected at most ${maxManifestBytes}`,
        );
      }
      bytes = await readFile(path);
    } catch (cause) {
      if (cause instanceof OfframpError) throw cause;
      const absent = ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '');
      throw new OfframpError(
        absent ? 'FILE_NOT_FOUND' : 'BUNDLE_INVALID',
        absent
          ? `no bundle in ${directory}: ${path} does not exist`
          : `cannot read ${path}: ${messageOf(cause)}`,
        { hint: 'A bundle is the folder that `offramp augment MODEL --data DIR --out BUNDLE` wrote.', cause },
      );
    }
    return new Bundle(directory, parseManifest(bytes.toString('utf8'), path), sha256Hex(bytes));
  }

  get branches(): number {
    return this.manifest.stages.length - 1;
  }

  /** The digest as it stands on the wire, 32 bytes. */
  get digestBytes(): Uint8Array {
    return Buffer.from(this.digest, 'hex');
  }

  /**
   * The ONNX models of stages `from` up to, not including, `to`.
   * @throws OfframpError `BUNDLE_CORRUPT`
   */
  async readStages(from = 0, to = this.manifest.stages.length): Promise<Uint8Array[]> {
    return Promise.all(this.manifest.stages.slice(from, to).map((stage) => this.readFile(stage.model)));
  }

  /** @throws OfframpError `BUNDLE_CORRUPT`, `BUNDLE_INVALID` */
  async readCalibration(): Promise<CalibrationTable> {
    const { table: file, samples } = this.manifest.calibration;
    const where = join(this.directory, file.path);
    const table = parseCalibrationTable(Buffer.from(await this.readFile(file)).toString('utf8'), where);
    if (table.branches.length !== this.branches || table.samples !== samples) {
      throw new OfframpError(
        'BUNDLE_INVALID',
        `${where}: expected ${this.branches} branches and ${samples} samples, as the manifest has it; found ${table.branches.length} and ${table.samples}`,
      );
    }
    return table;
  }

  private async readFile(file: BundleFile): Promise<Uint8Array> {
    const path = join(this.directory, file.path);
    const corrupt = (problem: string, cause?: unknown) =>
      new OfframpError('BUNDLE_CORRUPT', `${path}: ${problem}`, {
        hint: 'Copy the bundle again, whole, from where `offramp augment` wrote it.',
        cause,
      });
    let bytes: Buffer;
    try {
      const { size } = await stat(path);
      if (size !== file.bytes) throw corrupt(`expected ${file.bytes} bytes, found ${size}`);
      bytes = await readFile(path);
    } catch (cause) {
      if (cause instanceof OfframpError) throw cause;
      throw corrupt(systemCodeOf(cause) === 'ENOENT' ? 'is missing' : messageOf(cause), cause);
    }
    const found = sha256Hex(bytes);
    if (found !== file.sha256) throw corrupt(`expected SHA-256 ${file.sha256}, found ${found}`);
    return bytes;
  }
}
