import { constants, deflateRawSync } from 'node:zlib';
import { Encoding } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import { type PictureInput, sampleValues } from '../manifest/input-specification.js';
import { elementsOf } from '../shape.js';
import type { ActivationCodec } from './activation-codec.js';
import { inflate } from './deflated.js';
import { fixedSizeCodec } from './fixed-size-codec.js';
import { addPaeth, subtractPaeth } from './paeth.js';
import { pictureOf, type TensorLayout } from './tensor-layout.js';

/**
 * A model's input as the 8-bit samples that it was made from: exact, and a quarter of float32's size. Cannot represent
 * values that the bundle's preprocessing does not produce.
 */
export const uint8 = fixedSizeCodec({
  encoding: Encoding.ENCODING_UINT8,
  name: 'uint8',
  bytesOf: (elements) => elements,
  encode(values, layout) {
    const picture = pictureOf(layout);
    if (!picture) return null;
    const { mean, std, scale } = picture.preprocessing;
    const tables = tablesOf(picture);
    const factor = scale === 'raw' ? 1 : 255;
    const samples = new Uint8Array(values.length);
    const area = values.length / tables.length;
    for (const [channel, table] of tables.entries()) {
      const slope = (std[channel] as number) * factor;
      const offset = (mean[channel] as number) * factor;
      for (let i = channel * area; i < (channel + 1) * area; i++) {
        const sample = Math.round((values[i] as number) * slope + offset);
        if (table[sample] !== values[i]) return null;
        samples[i] = sample;
      }
    }
    return samples;
  },
  // Values that the bundle's own preprocessing gives.
  largest: () => 0,
  decode(data, into, layout) {
    const picture = pictureOf(layout);
    const tables = picture ? tablesOf(picture) : [];
    const area = into.length / tables.length;
    for (const [channel, table] of tables.entries()) {
      for (let i = channel * area; i < (channel + 1) * area; i++)
        into[i] = table[data[i] as number] as number;
    }
  },
});

const deflatedName = 'uint8+deflate';
/** The filter that the first byte names. */
const filters = { none: 0, paeth: 1 } as const;

/** The samples, or each minus the prediction from its neighbours, whichever deflates better. */
export const uint8Deflated: ActivationCodec = {
  encoding: Encoding.ENCODING_UINT8_DEFLATE,
  name: deflatedName,
  maxEncodedBytes: ({ shape }) => elementsOf(shape),
  encode(values, layout) {
    const plain = uint8.encode(values, layout);
    if (!plain) return null;
    const width = rowWidth(layout);
    const candidates = [
      deflateSamples(filters.none, plain.data),
      deflateSamples(filters.paeth, subtractPaeth(plain.data, width)),
    ];
    const data = candidates.reduce((a, b) => (b.byteLength < a.byteLength ? b : a));
    return data.byteLength < plain.data.byteLength
      ? { encoding: Encoding.ENCODING_UINT8_DEFLATE, data }
      : plain;
  },
  check(what, data, layout) {
    const most = elementsOf(layout.shape);
    if (data.byteLength <= most) return;
    throw new OfframpError(
      'TENSOR_INVALID',
      `${what}: expected at most ${most} bytes of ${deflatedName}, found ${data.byteLength}`,
    );
  },
  decode(what, data, into, layout) {
    const bytes = inflate(what, deflatedName, data, 1 + into.length);
    const [filter] = bytes;
    if (bytes.byteLength !== 1 + into.length || (filter !== filters.none && filter !== filters.paeth)) {
      throw new OfframpError(
        'TENSOR_INVALID',
        `${what}: expected 0 or 1 and ${into.length} samples in ${deflatedName}, found ${filter} and ${Math.max(0, bytes.byteLength - 1)}`,
      );
    }
    const samples = bytes.subarray(1);
    if (filter === filters.paeth) addPaeth(samples, rowWidth(layout));
    uint8.decode(what, samples, into, layout);
  },
};

function deflateSamples(filter: number, samples: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + samples.length);
  bytes[0] = filter;
  bytes.set(samples, 1);
  return deflateRawSync(bytes, { level: constants.Z_BEST_COMPRESSION });
}

const tablesByInput = new WeakMap<PictureInput, Float32Array[]>();

/** Computed once for a bundle, not for each sample. */
function tablesOf(input: PictureInput): Float32Array[] {
  let tables = tablesByInput.get(input);
  if (!tables) {
    tables = sampleValues(input);
    tablesByInput.set(input, tables);
  }
  return tables;
}

const rowWidth = ({ shape }: TensorLayout) => shape.at(-1) ?? 1;
