import protobuf from 'protobufjs/minimal.js';

const maxVarintBytes = 10;

/** A 64-bit integer of a message that a number cannot hold exactly. */
export class UnsafeIntegerError extends RangeError {
  constructor(found: number) {
    super(`expected an integer below 2^53, found about ${found}`);
    this.name = 'UnsafeIntegerError';
  }
}

// The library declares what `uint64` returns where the package `long` is installed, which a subclass cannot change.
const LibraryReader = protobuf.Reader as unknown as new (
  bytes: Uint8Array,
) => Omit<protobuf.Reader, 'uint64'>;

/** Reads 64-bit integers, which are counts, ids and durations in the contracts, as numbers. */
export class Reader extends LibraryReader {
  static create(bytes: Uint8Array): Reader {
    return new Reader(bytes);
  }

  static readonly recursionLimit = protobuf.Reader.recursionLimit;

  /** @throws UnsafeIntegerError for 2^53 and more */
  uint64(): number {
    const { buf, len } = this;
    let value = 0;
    let factor = 1;
    for (let read = 0; read < maxVarintBytes; read++) {
      if (this.pos >= len) throw new RangeError(`index out of range: ${this.pos} + 1 > ${len}`);
      const byte = buf[this.pos++] as number;
      if (byte < 128) {
        value += byte * factor;
        if (value > Number.MAX_SAFE_INTEGER) throw new UnsafeIntegerError(value);
        return value;
      }
      value += (byte - 128) * factor;
      factor *= 128;
    }
    throw new RangeError(`expected an integer of at most ${maxVarintBytes} bytes`);
  }
}

/**
 * What the generated code takes for the library (`--dependency` of pbjs): it decodes with {@link Reader}, and without
 * `Long` absent 64-bit integers are 0. The library itself, which other packages share, stays as it is.
 */
export default {
  Reader,
  Writer: protobuf.Writer,
  util: { ...protobuf.util, Long: undefined },
  roots: {},
};
