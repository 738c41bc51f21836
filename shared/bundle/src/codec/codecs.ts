import { Encoding, type TensorMessage } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import { elementsOf, expectShape } from '../shape.js';
import type { ActivationCodec, EncodedTensor, Quantiser } from './activation-codec.js';
import { deflated } from './deflated.js';
import { float16 } from './float16.js';
import { float32 } from './float32.js';
import { codeSymbols, learned } from './learned.js';
import { model8 } from './model8.js';
import { pictureFileEncodings } from './picture-files.js';
import { int4, int8 } from './quantised.js';
import { pictureOf, type TensorLayout } from './tensor-layout.js';
import { uint8, uint8Deflated } from './uint8.js';

/**
 * All codecs. A new one is a file here, an entry of this list, and a number in `Encoding` of `proto/offramp/v1/offload.proto`.
 * One that is not for every tensor has a place in {@link expectPlace}. One of activations' values also has a name in
 * `activationEncodings` of the manifest, a row in `finerFamilies` of `codec-choice.ts`, which says what a device sends to a worker that
 * does not take it, and, if calibration is to choose it, a place in `augment/src/calibrate/codec-candidates.ts`.
 * Picture files, which are decoded elsewhere, are in `picture-files.ts`.
 */
export const codecs: readonly ActivationCodec[] = [
  float32,
  float16,
  int8,
  int4,
  uint8,
  model8,
  deflated(float32, Encoding.ENCODING_FLOAT32_DEFLATE),
  deflated(float16, Encoding.ENCODING_FLOAT16_DEFLATE),
  deflated(int8, Encoding.ENCODING_INT8_DEFLATE),
  deflated(int4, Encoding.ENCODING_INT4_DEFLATE),
  uint8Deflated,
  deflated(model8, Encoding.ENCODING_MODEL8_DEFLATE),
  learned,
];

/** @throws OfframpError `TENSOR_INVALID` for an encoding this version does not know */
export function codecFor(encoding: number): ActivationCodec {
  const codec = codecs.find((candidate) => candidate.encoding === encoding);
  if (!codec) {
    const known = codecs.map((candidate) => `${candidate.encoding} (${candidate.name})`).join(', ');
    throw new OfframpError('TENSOR_INVALID', `encoding: expected one of ${known}, found ${encoding}`);
  }
  return codec;
}

/** For messages and logs. */
export function encodingName(encoding: number): string {
  const known = [...codecs, ...pictureFileEncodings].find((each) => each.encoding === encoding);
  return known?.name ?? `encoding ${encoding}`;
}

/** Encodes one sample's tensor for the wire; as float32 if the codec cannot represent its values. */
export function encodeTensor(
  codec: ActivationCodec,
  layout: TensorLayout,
  values: Float32Array,
  quantiser?: Quantiser,
): TensorMessage & EncodedTensor {
  const encoded = codec.encode(values, layout, quantiser) ?? float32.encode(values, layout);
  if (!encoded) throw new OfframpError('INTERNAL', 'float32 holds every value');
  return { shape: [...layout.shape], ...encoded };
}

/**
 * Checks shape, encoding, length and, unless they are deflated, values of a received tensor, without allocating memory
 * for it.
 * @param what names the tensor in errors
 * @throws OfframpError `TENSOR_INVALID`
 */
export function checkTensor(what: string, layout: TensorLayout, tensor: TensorMessage | null): CheckedTensor {
  if (!tensor) throw new OfframpError('TENSOR_INVALID', `${what}: is missing`);
  const { data } = tensor;
  expectShape(what, layout.shape, tensor.shape);
  const codec = codecFor(tensor.encoding);
  expectPlace(what, codec, layout);
  codec.check(what, data, layout);
  const isCode = codec === learned;
  return {
    elements: isCode ? codeSymbols(layout) : elementsOf(layout.shape),
    isCode,
    decodeInto: (into) => codec.decode(what, data, into, layout),
  };
}

/** Checks that a tensor is one of those that a codec is for. */
function expectPlace(what: string, { name }: ActivationCodec, layout: TensorLayout): void {
  const elsewhere =
    name.startsWith(uint8.name) && !pictureOf(layout)
      ? layout.input
        ? 'pictures'
        : 'the input of stage 0'
      : name.startsWith(model8.name) && !layout.quantisation
        ? 'activations that the model itself quantises to 8 bits'
        : name === learned.name && !layout.code
          ? 'activations for which the bundle has a learned codec'
          : null;
  if (elsewhere === null) return;
  throw new OfframpError(
    'TENSOR_INVALID',
    `${what}: expected an encoding of ${layout.input ? 'inputs' : 'activations'}, found ${name}, which is for ${elsewhere}`,
  );
}

/** A received tensor, checked and not yet decoded. */
export interface CheckedTensor {
  elements: number;
  /** Whether these are symbols of a code, of which the bundle's decoder makes the tensor. */
  isCode: boolean;
  /**
   * @param into a view that begins with room for `elements` elements, such as a sample's place in a batch
   * @throws OfframpError `TENSOR_INVALID`
   */
  decodeInto(into: Float32Array): void;
}

/**
 * Decodes a received tensor. Shape and length are checked before memory is allocated.
 * @param what names the tensor in errors
 * @throws OfframpError `TENSOR_INVALID`
 */
export function decodeTensor(what: string, layout: TensorLayout, tensor: TensorMessage | null): Float32Array {
  const checked = checkTensor(what, layout, tensor);
  const values = new Float32Array(checked.elements);
  checked.decodeInto(values);
  return values;
}
