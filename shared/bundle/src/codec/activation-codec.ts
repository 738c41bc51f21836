import type { Encoding } from '@offramp/contracts';
import type { TensorLayout } from './tensor-layout.js';

/** How an encoder rounds. Decoders do not need it. */
export interface Quantiser {
  /** Of float16: whether values that it would round are values that it cannot represent. */
  exact?: boolean;
  /**
   * Of integers: the scale of all groups, in units of the root mean square of the sample's elements; values beyond the range of
   * the codes are clipped. Default: each group's range is spread over all codes.
   */
  step?: number;
}

export interface EncodedTensor {
  /** The codec's own, or the one without its last step if that takes no more bytes. */
  encoding: Encoding;
  data: Uint8Array;
}

/** A way to write a tensor's elements as bytes. Stateless. */
export interface ActivationCodec {
  readonly encoding: Encoding;
  readonly name: string;
  /** Upper bound for one tensor. */
  maxEncodedBytes(layout: TensorLayout): number;
  /**
   * @param values are read, not kept
   * @returns `null` for values that it cannot represent, such as those that are not finite
   */
  encode(values: Float32Array, layout: TensorLayout, quantiser?: Quantiser): EncodedTensor | null;
  /**
   * Checks the length before memory is allocated, and the values where they can be read from the bytes. Those of
   * deflated data are checked by {@link decode}.
   * @throws OfframpError `TENSOR_INVALID`
   */
  check(what: string, data: Uint8Array, layout: TensorLayout): void;
  /**
   * @param data whose length has been checked
   * @param into gets the elements; it has the right length
   * @throws OfframpError `TENSOR_INVALID` for malformed bytes; `into` may have been written to
   */
  decode(what: string, data: Uint8Array, into: Float32Array, layout: TensorLayout): void;
}
