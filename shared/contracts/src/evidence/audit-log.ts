import { confidenceBins } from './confidence-bins.js';
import type { AuditRecord } from './exit-evidence.js';

/** Set in a branch's byte where it agreed; the bits below are its bin. */
const agreedBit = confidenceBins;

/** Shared by all that hold nothing yet. */
const noBytes = new Uint8Array(0);

/** The newest audit records, up to a bound, as bytes: 1 + branches for each. */
export class AuditLog {
  /** Records that were pushed out by newer ones, or came in no better state. */
  dropped = 0;
  private bytes: Uint8Array = noBytes;
  /** Records held, and where the next one goes. */
  private held = 0;
  private next = 0;
  private readonly width: number;

  /** @param maxRecords the most that are held */
  constructor(
    readonly branches: number,
    private readonly maxRecords: number,
  ) {
    this.width = branches + 1;
  }

  get size(): number {
    return this.held;
  }

  add({ exits, leftAt }: AuditRecord): void {
    const record = new Uint8Array(this.width);
    record[0] = leftAt;
    exits.forEach(({ bin, agreed }, branch) => {
      record[branch + 1] = bin + (agreed ? agreedBit : 0);
    });
    this.addBytes(record);
  }

  /** Adds the records of another log of as many branches. */
  merge(other: AuditLog): void {
    if (other.held > 0) this.addBytes(other.toBytes());
    this.dropped += other.dropped;
  }

  /**
   * @param records one after the other, as {@link toBytes} gives them
   * @throws RangeError for bytes that are no records of as many branches
   */
  addChecked(records: Uint8Array): void {
    if (records.length % this.width !== 0) {
      throw new RangeError(`expected records of ${this.width} bytes, found ${records.length} in all`);
    }
    for (let at = 0; at < records.length; at++) {
      const byte = records[at] as number;
      if (at % this.width === 0 && byte > this.branches) {
        throw new RangeError(`expected an exit, found ${byte} at ${at}`);
      }
    }
    this.addBytes(records);
  }

  /** Oldest first. */
  toBytes(): Uint8Array {
    const end = this.held * this.width;
    if (this.held < this.maxRecords) return this.bytes.slice(0, end);
    const from = this.next * this.width;
    const ordered = new Uint8Array(end);
    ordered.set(this.bytes.subarray(from, end));
    ordered.set(this.bytes.subarray(0, from), end - from);
    return ordered;
  }

  /** Oldest first. */
  records(): AuditRecord[] {
    const bytes = this.toBytes();
    return Array.from({ length: this.held }, (_, i) => {
      const record = bytes.subarray(i * this.width, (i + 1) * this.width);
      return {
        leftAt: record[0] as number,
        exits: Array.from(record.subarray(1), (byte) => ({
          bin: byte % agreedBit,
          agreed: byte >= agreedBit,
        })),
      };
    });
  }

  private addBytes(records: Uint8Array): void {
    const { width } = this;
    for (let at = 0; at < records.length; at += width) {
      if (this.held === this.maxRecords) this.dropped++;
      else this.held++;
      this.reserve((this.next + 1) * width);
      this.bytes.set(records.subarray(at, at + width), this.next * width);
      this.next = (this.next + 1) % this.maxRecords;
    }
  }

  private reserve(bytes: number): void {
    if (bytes <= this.bytes.length) return;
    const grown = new Uint8Array(
      Math.min(Math.max(bytes, 2 * this.bytes.length), this.maxRecords * this.width),
    );
    grown.set(this.bytes);
    this.bytes = grown;
  }
}
