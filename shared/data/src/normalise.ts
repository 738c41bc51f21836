import { elementsOf, type InputSpecification, type TensorInput } from '@offramp/bundle';
import type { SampleValues } from './dataset.js';
import { pixelNormaliser } from './pictures/pixel-normaliser.js';

/** Writes the model's input made of one fitted sample into `target`, from `offset` on. */
export type Normaliser = (values: SampleValues, target: Float32Array, offset: number) => void;

/** How fitted samples become the model's input, as the manifest says. */
export function normaliserFor(input: InputSpecification): Normaliser {
  if (input.kind === 'tensor') return tensorNormaliser(input);
  return pixelNormaliser(input);
}

const normalisers = new WeakMap<InputSpecification, Normaliser>();

/** Kept per input: its tables take as long to compute as a small picture takes to normalise. */
function knownNormaliser(input: InputSpecification): Normaliser {
  const known = normalisers.get(input);
  if (known) return known;
  const made = normaliserFor(input);
  normalisers.set(input, made);
  return made;
}

/**
 * The model's input made of one fitted sample: (value − mean) / std per channel. Pictures become
 * channels × height × width, in the model's order; tensors keep their order.
 */
export function normalise(values: SampleValues, input: InputSpecification): Float32Array {
  const normalised = new Float32Array(values.length);
  knownNormaliser(input)(values, normalised, 0);
  return normalised;
}

function tensorNormaliser({ shape, preprocessing }: TensorInput): Normaliser {
  if (!preprocessing) return (values, target, offset) => target.set(values, offset);
  const { mean, std, channelAxis = 'first' } = preprocessing;
  const channels = shape.at(channelAxis === 'first' ? 0 : -1) as number;
  const perChannel = channelAxis === 'first' ? elementsOf(shape) / channels : 1;
  const ofChannel = (numbers: readonly number[], channel: number) =>
    numbers[numbers.length === 1 ? 0 : channel] as number;
  return (values, target, offset) => {
    for (let i = 0; i < values.length; i++) {
      const channel = Math.floor(i / perChannel) % channels;
      target[offset + i] = ((values[i] as number) - ofChannel(mean, channel)) / ofChannel(std, channel);
    }
  };
}
