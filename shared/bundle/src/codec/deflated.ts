import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Encoding } from '@offramp/contracts';
import { messageOf, OfframpError } from '@offramp/runtime';
import type { ActivationCodec } from './activation-codec.js';
import type { FixedSizeCodec } from './fixed-size-codec.js';

/**
 * Run lengths and Huffman codes only: as small on packed activations as with the search for longer matches, and three
 * to four times as fast (`bench/data-plane/bytes.mjs`).
 */
const strategy = constants.Z_RLE;
/** Slack with which the output fits into zlib's first chunk, so that it allocates no second one. */
const chunkSlackBytes = 64;

/** Another codec's bytes, deflated; sent plain if deflating does not make them fewer. */
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
 * @param expectedBytes size of the output; inflating stops beyond it
 * @throws OfframpError `TENSOR_INVALID` for data that is not DEFLATE or inflates to more
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
