import type { Manifest } from '../manifest/manifest.js';
import { elementsOf } from '../shape.js';
import { BufferPool } from './buffer-pool.js';
import type { RunBuffers } from './run-buffers.js';
import type { StageOutput } from './stage-runner.js';
import { workPerThread } from './thread-pool.js';

/** Unused buffers kept per thread and size: those of the work that a thread has, and those that callers hold meanwhile. */
const freeBuffersPerThread = 2 * workPerThread;
const bytesPerElement = Float32Array.BYTES_PER_ELEMENT;

/** The buffers that the runs of a pool use again and again. */
export class RunMemory {
  private readonly buffers: BufferPool;
  /** Buffers that callers hold, with the bytes that are theirs. */
  private readonly lent = new WeakMap<ArrayBuffer, number>();

  constructor(
    private readonly manifest: Pick<Manifest, 'labels' | 'stages'>,
    threads: number,
  ) {
    this.buffers = new BufferPool(freeBuffersPerThread * threads);
  }

  /** Memory for a caller to fill, with arbitrary content. */
  lend(elements: number): Float32Array<ArrayBuffer> {
    const buffer = this.buffers.take(elements * bytesPerElement);
    this.lent.set(buffer, elements * bytesPerElement);
    return new Float32Array(buffer, 0, elements);
  }

  /** The buffers of one run. The input's own buffer is one of them if it was lent and holds nothing else. */
  take(stage: number, input: Float32Array, batch: number): RunBuffers {
    const { labels, stages } = this.manifest;
    const shape = stages[stage]?.activationShape ?? null;
    return {
      input: this.takeOver(input),
      activation: shape && this.buffers.take(batch * elementsOf(shape) * bytesPerElement),
      exit: this.buffers.take(batch * (labels.length + 1) * bytesPerElement),
    };
  }

  give(buffer: ArrayBuffer): void {
    this.buffers.give(buffer);
  }

  /**
   * Lends the output of a run; its activation may be the input of another.
   * @returns gives back what has not moved to another run since; later calls do nothing
   */
  lendOutput({ activation, exit }: RunBuffers, output: StageOutput): () => void {
    if (activation) this.lent.set(activation, output.activation?.byteLength ?? 0);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      for (const buffer of activation ? [activation, exit] : [exit]) {
        this.lent.delete(buffer);
        if (buffer.byteLength > 0) this.buffers.give(buffer);
      }
    };
  }

  private takeOver(input: Float32Array): ArrayBuffer {
    const { buffer, byteLength } = input;
    if (buffer instanceof ArrayBuffer && this.lent.get(buffer) === byteLength) return buffer;
    const copy = this.lend(input.length);
    copy.set(input);
    return copy.buffer;
  }
}
