import type { Encoding } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import { elementsOf } from '../shape.js';
import type { ActivationCodec, Quantiser } from './activation-codec.js';
import { expectMagnitude, maxMagnitude } from './magnitude.js';
import type { TensorLayout } from './tensor-layout.js';

/** A codec whose size follows from the layout. */
export interface FixedSizeCodec extends ActivationCodec {
  encodedBytes(layout: TensorLayout): number;
}

export interface FixedSizeOptions {
  encoding: Encoding;
  name: string;
  bytesOf(elements: number, layout: TensorLayout): number;
  /** @returns `null` for values that it cannot represent */
  encode(values: Float32Array, layout: TensorLayout, quantiser: Quantiser): Uint8Array | null;
  /**
   * The largest magnitude among the elements; not finite where an element is not. Up to `enough`, an upper bound of it
   * will do.
   * @param data of the exact length
   */
  largest(data: Uint8Array, layout: TensorLayout, enough: number): number;
  /** `data` has the exact length. */
  decode(data: Uint8Array, into: Float32Array, layout: TensorLayout): void;
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
      if (data.byteLength !== expected) {
        throw new OfframpError(
          'TENSOR_INVALID',
          `${what}: expected ${expected} bytes of ${name}, found ${data.byteLength}`,
        );
      }
      const most = maxMagnitude(layout);
      expectMagnitude(what, options.largest(data, layout, most), most);
    },
    decode: (_, data, into, layout) => options.decode(data, into, layout),
  };
}
