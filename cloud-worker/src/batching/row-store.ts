import { BufferPool } from '@offramp/bundle';
import type { SampleInput } from './pending-sample.js';

/** Activations of samples that wait for their next stage, in reused memory. */
export class RowStore {
  private readonly buffers: BufferPool;

  /** @param maxRows rows kept for reuse, per size */
  constructor(maxRows: number) {
    this.buffers = new BufferPool(maxRows);
  }

  /** Keeps a copy of `row` until it is read or dropped. */
  keep(row: Float32Array): StoredRow {
    const buffer = this.buffers.take(row.byteLength);
    const values = new Float32Array(buffer, 0, row.length);
    values.set(row);
    return new StoredRow(values, () => this.buffers.give(buffer));
  }
}

export class StoredRow implements SampleInput {
  readonly isCode = false;

  constructor(
    private values: Float32Array | null,
    private readonly free: () => void,
  ) {}

  decodeInto(place: Float32Array): void {
    if (this.values) place.set(this.values);
    this.drop();
  }

  drop(): void {
    if (this.values) this.free();
    this.values = null;
  }
}
