import { Encoding } from '@offramp/contracts';
import type { ActivationQuantisation } from '../manifest/manifest.js';
import { fixedSizeCodec } from './fixed-size-codec.js';
import { float32, largestFloat32 } from './float32.js';
import { carriedElements } from './tensor-layout.js';

/**
 * An activation that the model itself quantises to 8 bits, as the model's own integers: exact, and a quarter of float32's
 * size. Rows that carry an answer stay float32. Cannot represent values that the model's scale and zero point do not give.
 */
export const model8 = fixedSizeCodec({
  encoding: Encoding.ENCODING_MODEL8,
  name: 'model8',
  bytesOf: (elements, layout) => elements + 3 * carriedElements(layout),
  encode(values, layout) {
    if (!layout.quantisation) return null;
    const { scale, zeroPoint } = layout.quantisation;
    const table = valuesOf(layout.quantisation);
    const count = values.length - carriedElements(layout);
    const carried = values.subarray(count);
    const data = new Uint8Array(count + carried.byteLength);
    for (let i = 0; i < count; i++) {
      const code = Math.round((values[i] as number) / scale) + zeroPoint;
      if (table[code] !== values[i]) return null;
      data[i] = code;
    }
    if (carried.length > 0) data.set(float32.encode(carried, { shape: [carried.length] })?.data ?? [], count);
    return data;
  },
  largest(data, layout) {
    const table = valuesOf(layout.quantisation);
    const count = data.length - 4 * carriedElements(layout);
    let [low, high] = [255, 0];
    for (let i = 0; i < count; i++) {
      const code = data[i] as number;
      if (code < low) low = code;
      if (code > high) high = code;
    }
    const ownMost = count > 0 ? Math.max(Math.abs(table[low] as number), Math.abs(table[high] as number)) : 0;
    const carriedMost = largestFloat32(data.subarray(count));
    return Number.isNaN(carriedMost) ? carriedMost : Math.max(ownMost, carriedMost);
  },
  decode(data, into, layout) {
    const table = valuesOf(layout.quantisation);
    const count = into.length - carriedElements(layout);
    for (let i = 0; i < count; i++) into[i] = table[data[i] as number] as number;
    const carried = into.subarray(count);
    float32.decode('carried rows', data.subarray(count), carried, { shape: [carried.length] });
  },
});

const tables = new WeakMap<ActivationQuantisation, Float32Array>();

/** Of the 256 codes. Computed once for a bundle, not for each sample. */
function valuesOf(quantisation: ActivationQuantisation = { scale: 1, zeroPoint: 0 }): Float32Array {
  let table = tables.get(quantisation);
  if (!table) {
    const { scale, zeroPoint } = quantisation;
    table = Float32Array.from({ length: 256 }, (_, code) => scale * (code - zeroPoint));
    tables.set(quantisation, table);
  }
  return table;
}
