import { OfframpError } from '@offramp/runtime';
import type { ActivationEncoding, Manifest } from '../manifest/manifest.js';
import type { ActivationCodec, Quantiser } from './activation-codec.js';
import { codecs } from './codecs.js';
import { float32 } from './float32.js';
import { stageLayout, type TensorLayout } from './tensor-layout.js';

/** A codec and how it chooses its scales. */
export interface CodecChoice {
  codec: ActivationCodec;
  quantiser: Quantiser;
}

/** A codec without its last step, deflate. */
export type Family = Exclude<ActivationEncoding, `${string}+deflate`>;

/** Coarsest first. */
const lossyFamilies = ['int4', 'int8', 'float16'] as const;

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
  const exact = losslessFamilies(stageLayout(manifest, stage));
  if (lossless) return choicesOf(exact);
  const chosen = manifest.stages[stage - 1]?.codec;
  if (!chosen) return [{ codec: float32, quantiser: {} }];
  const { encoding, step } = chosen;
  const own = step === undefined ? {} : { step };
  const [family] = encoding.split('+') as [Family];
  const at = lossyFamilies.indexOf(family as (typeof lossyFamilies)[number]);
  const finer = at < 0 ? [] : lossyFamilies.slice(at + 1);
  return [
    { codec: codecNamed(encoding), quantiser: own },
    ...(encoding === family ? [] : [{ codec: codecNamed(family), quantiser: own }]),
    // The model's own integers are as small as any others.
    ...choicesOf([...(exact.includes('model8') ? [] : finer), ...exact].filter((name) => name !== family)),
  ];
}

function choicesOf(names: readonly Family[]): CodecChoice[] {
  const encodings = [...new Set(names)].flatMap((name) => [`${name}+deflate` as const, name]);
  return encodings.map((encoding) => ({ codec: codecNamed(encoding), quantiser: {} }));
}

/** The codecs that keep a tensor's values as they are, smallest first, without deflate. */
export function losslessFamilies({ precision, carriedRows = 0 }: TensorLayout): Family[] {
  if (precision?.kind === 'integer8') return ['model8', 'float32'];
  return precision?.kind === 'float16' && carriedRows === 0 ? ['float16', 'float32'] : ['float32'];
}
