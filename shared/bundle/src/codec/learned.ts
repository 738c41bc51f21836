import { Encoding } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import type { ActivationCodec } from './activation-codec.js';
import { decodeSymbols, encodeSymbols } from './range-coder.js';
import { type CodeTables, codeTables } from './range-tables.js';
import type { TensorLayout } from './tensor-layout.js';

const name = 'learned';

/**
 * The code that the bundle's encoder makes of an activation, entropy-coded by tables of the manifest. What is encoded and
 * decoded are the code's symbols, not elements; the bundle's decoder makes the activation of them.
 */
export const learned: ActivationCodec = {
  encoding: Encoding.ENCODING_LEARNED,
  name,
  maxEncodedBytes: (layout) => (layout.code ? tablesOf(layout).maxBytes : 0),
  encode(code, layout) {
    const tables = layout.code && tablesOf(layout);
    const data = tables?.symbols === code.length ? encodeSymbols(code, tables) : null;
    return data && { encoding: Encoding.ENCODING_LEARNED, data };
  },
  check(what, data, layout) {
    const { maxBytes } = tablesOf(layout);
    if (data.byteLength <= maxBytes) return;
    throw new OfframpError(
      'TENSOR_INVALID',
      `${what}: expected at most ${maxBytes} bytes of ${name}, found ${data.byteLength}`,
    );
  },
  decode(what, data, into, layout) {
    const tables = tablesOf(layout);
    const problem = decodeSymbols(data, tables, into);
    if (problem === null) return;
    throw new OfframpError(
      'TENSOR_INVALID',
      `${what}: expected ${tables.symbols} symbols in ${name}, found ${data.byteLength} bytes that are ${problem === 'other symbols' ? 'not a code' : problem}`,
    );
  },
};

/** Symbols of a code that stands for an activation. */
export function codeSymbols(layout: TensorLayout): number {
  return tablesOf(layout).symbols;
}

function tablesOf({ code }: TensorLayout): CodeTables {
  if (!code) throw new OfframpError('INTERNAL', 'expected the tables of a learned codec, found none');
  return codeTables(code);
}
