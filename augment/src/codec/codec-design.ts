import { elementsOf } from '@offramp/bundle';
import type { Activation } from '../branches/activation.js';
import { formOf } from '../branches/activation.js';

export type Sides = [vertical: number, horizontal: number];

/** Encoder and decoder of a boundary: what layers they have, and what these cost. */
export interface CodecDesign {
  /** One sample of the activation, without carried rows. */
  shape: readonly number[];
  /** The activation as channels × height × width. Tokens and vectors have a height of 1. */
  map: { channels: number; sides: Sides; channelsLast: boolean };
  kernel: Sides;
  /** Of the encoder's two convolutions. */
  strides: [Sides, Sides];
  /** Channels between them. */
  hidden: number;
  /** The code: channels × height × width. */
  code: { channels: number; sides: Sides };
  /** Channels of the decoder's residual blocks, and of its last layer. */
  decoder: { wide: number; filters: number; blocks: number };
  encoderMacs: number;
  decoderMacs: number;
}

/** Of the backbone's cost, at most. */
const maxEncoderShare = 0.02;
const maxDecoderShare = 0.4;
/** Of the code, for each time that the encoder halves the sides. */
const codeChannels = 24;
const decoderWidths = [128, 96, 64, 48, 32];
/** A side of the code's grid is not made smaller than this. */
const smallestSide = 4;
/** A larger side is reduced by both convolutions. */
const largeSide = 16;

/** @returns `null` where no encoder is cheap enough */
export function designCodec(activation: Activation, backboneMacs: number): CodecDesign | null {
  const layout = layoutOf(activation);
  if (!layout) return null;
  const { map, kernel, factor } = layout;
  const first = stridesOf(map.sides, factor, () => true);
  const reduced = dividedBy(map.sides, first);
  const second = stridesOf(reduced, factor, (side) => map.sides[side] > largeSide);
  const sides = dividedBy(reduced, second);
  const halvings = Math.max(1, [first, second].filter((strides) => elementsOf(strides) > 1).length);
  const most = Math.floor(elementsOf(activation.shape) / elementsOf(sides));
  const code = { channels: Math.min(halvings * codeChannels, most), sides };
  const taps = elementsOf(kernel);
  const encoderMacs = (hidden: number) =>
    taps * hidden * (map.channels * elementsOf(reduced) + code.channels * elementsOf(sides));
  const hidden = [2, 1.5, 1, 0.75, 0.5, 0.25]
    .map((share) => Math.max(8, Math.round((share * map.channels) / 8) * 8))
    .find((channels) => encoderMacs(channels) <= maxEncoderShare * backboneMacs);
  if (hidden === undefined) return null;
  const shuffled = elementsOf(first) * elementsOf(second);
  const filters = Math.max(16, map.channels);
  const decoderMacs = ({ wide, blocks }: CodecDesign['decoder']) =>
    taps * wide * elementsOf(sides) * (code.channels + 2 * blocks * wide + shuffled * filters) +
    taps * filters * elementsOf(map.sides) * map.channels;
  const decoders = decoderWidths.map((wide) => ({ wide, filters, blocks: 2 }));
  const decoder =
    decoders.find((candidate) => decoderMacs(candidate) <= maxDecoderShare * backboneMacs) ??
    (decoders.at(-1) as CodecDesign['decoder']);
  return {
    ...{ shape: activation.shape, map, kernel, strides: [first, second], hidden, code, decoder },
    encoderMacs: encoderMacs(hidden),
    decoderMacs: decoderMacs(decoder),
  };
}

/** @returns `null` for an activation of another form */
export function mapOf(activation: Activation): CodecDesign['map'] | null {
  return layoutOf(activation)?.map ?? null;
}

function layoutOf(activation: Activation): {
  map: CodecDesign['map'];
  kernel: Sides;
  factor: number;
} | null {
  const form = formOf(activation);
  if (form.kind === 'other') return null;
  if (form.kind === 'map') {
    const { channels, transposed } = form;
    const [a = 1, b] = form.sides;
    const sides: Sides = b === undefined ? [1, a] : [a, b];
    const kernel: Sides = b === undefined ? [1, 5] : [3, 3];
    return { map: { channels, sides, channelsLast: transposed }, kernel, factor: b === undefined ? 4 : 2 };
  }
  const tokens = form.kind === 'tokens' ? form.tokens : 1;
  return {
    map: { channels: form.width, sides: [1, tokens], channelsLast: form.kind === 'tokens' },
    kernel: [1, 1],
    factor: 1,
  };
}

function stridesOf(sides: Sides, factor: number, applies: (side: 0 | 1) => boolean): Sides {
  const along = (side: 0 | 1) => (sides[side] > smallestSide && applies(side) ? factor : 1);
  return [along(0), along(1)];
}

const dividedBy = (sides: Sides, strides: Sides): Sides => [
  Math.ceil(sides[0] / strides[0]),
  Math.ceil(sides[1] / strides[1]),
];

/** Symbols of the code. */
export function codeElements({ code }: CodecDesign): number {
  return code.channels * elementsOf(code.sides);
}
