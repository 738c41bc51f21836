import type { TensorMessage } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import type { ActivationEncoding, Manifest } from '../manifest/manifest.js';
import type { ActivationCodec, EncodedTensor, Quantiser } from './activation-codec.js';
import { codecs } from './codecs.js';
import { float32 } from './float32.js';
import { stageLayout, type TensorLayout } from './tensor-layout.js';

/** A codec and how it chooses its scales. */
export interface CodecChoice {
  codec: ActivationCodec;
  quantiser: Quantiser;
}

/** A codec without its last step, deflate. */
type Family = Exclude<ActivationEncoding, `${string}+deflate`>;

/** For any activation: what is more precise than each family, coarsest first. */
const finerFamilies: Readonly<Record<Family, readonly Family[]>> = {
  int4: ['int8', 'float16', 'float32'],
  int8: ['float16', 'float32'],
  float16: ['float32'],
  float32: [],
  model8: ['float32'],
};
/** For one that the model quantises, as precise as any: its own integers are as small as others. */
const exactFamilies: readonly Family[] = ['model8', 'float32'];

/** @throws OfframpError `INTERNAL` for an unknown name */
export function codecNamed(name: ActivationEncoding): ActivationCodec {
  const codec = codecs.find((candidate) => candidate.name === name);
  if (!codec) throw new OfframpError('INTERNAL', `expected the name of a codec, found ${name}`);
  return codec;
}

/**
 * The codecs with which a device that stops before a stage can send that stage's input, best first: the manifest's
 * choice, then alternatives that are at least as precise. The last is float32, which every worker accepts.
 * @param stage the first one that the device does not run
 * @param lossless whether only lossless codecs are allowed, whatever the manifest says
 */
export function preferredCodecs(manifest: Manifest, stage: number, lossless = false): CodecChoice[] {
  const isQuantised = stageLayout(manifest, stage).quantisation !== undefined;
  if (lossless) {
    if (isQuantised) return choicesOf(exactFamilies);
    // A model of float16 can have values that float16 holds.
    return [...choicesOf(['float16'], { exact: true }), ...choicesOf(['float32'])];
  }
  const chosen = manifest.stages[stage - 1]?.codec;
  if (!chosen) return [{ codec: float32, quantiser: {} }];
  const { encoding, step } = chosen;
  const quantiser = step === undefined ? {} : { step };
  const [family] = encoding.split('+') as [Family];
  const finer = isQuantised ? exactFamilies : finerFamilies[family];
  return [
    { codec: codecNamed(encoding), quantiser },
    ...(encoding === family ? [] : [{ codec: codecNamed(family), quantiser }]),
    ...choicesOf(finer.filter((name) => name !== family)),
  ];
}

/**
 * Encodes one sample's tensor with the first codec that can represent its values.
 * @param choices the last of which can represent all values
 */
export function encodeFirst(
  choices: readonly CodecChoice[],
  layout: TensorLayout,
  values: Float32Array,
): TensorMessage & EncodedTensor {
  for (const { codec, quantiser } of choices) {
    const encoded = codec.encode(values, layout, quantiser);
    if (encoded) return { shape: [...layout.shape], ...encoded };
  }
  throw new OfframpError('INTERNAL', 'expected a codec that can represent every value');
}

function choicesOf(names: readonly Family[], quantiser: Quantiser = {}): CodecChoice[] {
  return names.flatMap((name) =>
    [`${name}+deflate` as const, name].map((encoding) => ({ codec: codecNamed(encoding), quantiser })),
  );
}
