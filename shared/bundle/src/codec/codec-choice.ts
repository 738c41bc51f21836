import { OfframpError } from '@offramp/runtime';
import type { ActivationEncoding, Manifest } from '../manifest/manifest.js';
import { elementsOf } from '../shape.js';
import type { ActivationCodec, Quantiser } from './activation-codec.js';
import { codecs } from './codecs.js';
import { float32 } from './float32.js';

/** A codec and how it chooses its scales. */
export interface CodecChoice {
  codec: ActivationCodec;
  quantiser: Quantiser;
}

/** Coarsest first. */
const families = ['int4', 'int8', 'float16', 'float32'] as const;

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
  if (lossless) {
    return [codecNamed('float32+deflate'), float32].map((codec) => ({ codec, quantiser: {} }));
  }
  const chosen = manifest.stages[stage - 1]?.codec;
  if (!chosen) return [{ codec: float32, quantiser: {} }];
  const carried = { carriedRows: carriedRows(manifest, stage) };
  const own = chosen.step === undefined ? carried : { ...carried, step: chosen.step };
  const at = families.findIndex((name) => chosen.encoding.startsWith(name));
  const finer = families.slice(at + 1);
  return [
    { codec: codecNamed(chosen.encoding), quantiser: own },
    ...codecs.filter(({ name }) => name === families[at]).map((codec) => ({ codec, quantiser: own })),
    ...finer.flatMap((name) =>
      [`${name}+deflate` as const, name].map((encoding) => ({
        codec: codecNamed(encoding),
        quantiser: carried,
      })),
    ),
  ];
}

/**
 * Rows at the end of a stage's input that carry the previous exit's answer (`reuse`).
 * @param stage whose input it is
 */
export function carriedRows({ stages, labels }: Pick<Manifest, 'stages' | 'labels'>, stage: number): number {
  const receiving = stages[stage];
  if (!receiving?.branch?.reuse || stage === 0) return 0;
  return Math.ceil(labels.length / elementsOf(receiving.inputShape.slice(1)));
}
