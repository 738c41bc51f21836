import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { messageOf, OfframpError } from '../errors.js';
import type { Encoding } from '../wire/messages.js';
import type { ActivationCodec } from './codec.js';
import type { FixedSizeCodec } from './fixed-size-codec.js';

/**
 * Runs of zeros and Huffman codes only: on packed activations as small as the search for longer matches makes them, and
 * three to four times as fast (`bench/data-plane/bytes.mjs`).
 */
const strategy = constants.Z_RLE;
/** So that what comes out fits into zlib's first chunk, and no second one is taken. */
const chunkSlackBytes = 64;

/** Another codec's bytes, deflated; sent as they are where that is not fewer. */
export function deflated(plain: FixedSizeCodec, encoding: Encoding): ActivationCodec {
  const name = `${plain.name}+deflate`;
  return {
    encoding,
    name,
    maxEncodedBytes: (layout) => plain.encodedBytes(layout),
    encode(values, layout, quantiser) {
      const encoded = plain.encode(values, layout, quantiser);
      if (!encoded) return null;
      const { byteLength } = encoded.data;
      const data = deflateRawSync(encoded.data, { strategy, chunkSize: byteLength + chunkSlackBytes });
      return data.byteLength < byteLength ? { encoding, data } : encoded;
    },
    check(what, data, layout) {
      const most = plain.encodedBytes(layout);
      if (data.byteLength <= most) return;
      throw new OfframpError(
        'TENSOR_INVALID',
        `${what}: expected at most ${most} bytes of ${name}, found ${data.byteLength}`,
      );
    },
    decode(what, data, into, layout) {
      const expected = plain.encodedBytes(layout);
      const inflated = inflate(what, name, data, expected);
      plain.check(`${what}, inflated`, inflated, layout);
      plain.decode(what, inflated, into, layout);
    },
  };
}

/**
 * @param expectedBytes what comes out; more is not made
 * @throws OfframpError `TENSOR_INVALID` for what is not DEFLATE, or inflates to more
 */
export function inflate(what: string, name: string, data: Uint8Array, expectedBytes: number): Uint8Array {
  // zlib does not take an output of no bytes.
  const most = Math.max(1, expectedBytes);
  try {
    return inflateRawSync(data, { maxOutputLength: most, chunkSize: most + chunkSlackBytes });
  } catch (cause) {
    throw new OfframpError(
      'TENSOR_INVALID',
      `${what}: expected ${expectedBytes} bytes in ${name}, found other data: ${messageOf(cause)}`,
      { cause },
    );
  }
}
