import { OfframpError } from '../errors.js';
import { elementsOf } from '../shape.js';
import type { Encoding } from '../wire/messages.js';
import type { ActivationCodec, TensorLayout } from './codec.js';

/** A codec whose size follows from the layout. */
export interface FixedSizeCodec extends ActivationCodec {
  encodedBytes(layout: TensorLayout): number;
}

export interface FixedSizeOptions {
  encoding: Encoding;
  name: string;
  bytesOf(elements: number, layout: TensorLayout): number;
  /** @returns `null` for values that cannot be written so */
  encode(values: Float32Array, layout: TensorLayout, quantiser: Quantiser): Uint8Array | null;
  /** `data` has exactly the right length. */
  decode(data: Uint8Array, into: Float32Array, layout: TensorLayout): void;
}

/** How the encoders of integers choose their scales. Decoders need not know. */
export interface Quantiser {
  /**
   * The scale of all groups, in units of the root mean square of the sample's elements; what lies beyond the range of
   * the codes is clipped. Where left out, each group's range is spread over all codes.
   */
  step?: number;
  /** Rows at the end that always get scales of their own: what an exit answered, which travels in the activation. */
  carriedRows?: number;
}

export function fixedSizeCodec(options: FixedSizeOptions): FixedSizeCodec {
  const { encoding, name } = options;
  const encodedBytes = (layout: TensorLayout) => options.bytesOf(elementsOf(layout.shape), layout);
  return {
    encoding,
    name,
    encodedBytes,
    maxEncodedBytes: encodedBytes,
    encode(values, layout, quantiser = {}) {
      const data = options.encode(values, layout, quantiser);
      return data && { encoding, data };
    },
    check(what, data, layout) {
      const expected = encodedBytes(layout);
      if (data.byteLength === expected) return;
      throw new OfframpError(
        'TENSOR_INVALID',
        `${what}: expected ${expected} bytes of ${name}, found ${data.byteLength}`,
      );
    },
    decode: (_, data, into, layout) => options.decode(data, into, layout),
  };
}
