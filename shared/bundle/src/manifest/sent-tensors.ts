import { elementsOf } from '../shape.js';
import type { ActivationEncoding, Manifest, PictureCodecManifest, PictureForm } from './manifest.js';

/** How an input travels that is sent as it is, and what it takes. */
export interface SentInput {
  /** `uint8` and `float32` where the bundle records nothing smaller. */
  form: PictureForm | 'uint8' | 'float32';
  quality?: number;
  /** Of the tensor alone, on average. */
  bytes: number;
}

/** How an activation travels, and what it takes. */
export interface SentActivation {
  encoding: ActivationEncoding | 'learned';
  /** Of the tensor alone, on average. */
  bytes: number;
}

const bytesPerFloat32 = 4;

/** How a device that stops after this many stages, at least one and not all, sends the activation. */
export function sentActivation({ stages }: Manifest, deviceStages: number): SentActivation {
  const { learned, codec, activationShape } = stages[deviceStages - 1] ?? {};
  if (learned) return { encoding: 'learned', bytes: learned.meanBytes };
  if (codec) return { encoding: codec.encoding, bytes: codec.meanBytes };
  return { encoding: 'float32', bytes: bytesPerFloat32 * elementsOf(activationShape ?? []) };
}

/** The smallest form, within the bundle's allowed loss, in which a device that stops before a stage can send the input. */
export function smallestInput(manifest: Manifest, stage: number): SentInput {
  const [best] = manifest.stages[stage]?.pictures ?? [];
  return best ? sentAs(best) : rawInput(manifest);
}

/**
 * How every input would be sent without a cascade: a picture as JPEG of the quality within the bundle's allowed loss or, where
 * none is, as the smallest form; a tensor as it is.
 */
export function usualInput(manifest: Manifest): SentInput {
  const jpeg = manifest.stages[0]?.pictures?.find(({ form }) => form === 'jpeg');
  return jpeg ? sentAs(jpeg) : smallestInput(manifest, 0);
}

/** Such as `webp 85`. */
export function sentInputName({ form, quality }: SentInput): string {
  return quality === undefined ? form : `${form} ${quality}`;
}

function sentAs(picture: PictureCodecManifest): SentInput {
  const { form, meanBytes: bytes } = picture;
  return 'quality' in picture ? { form, quality: picture.quality, bytes } : { form, bytes };
}

function rawInput({ input: { kind, shape } }: Manifest): SentInput {
  const elements = elementsOf(shape);
  return kind === 'tensor'
    ? { form: 'float32', bytes: elements * bytesPerFloat32 }
    : { form: 'uint8', bytes: elements };
}
