import { formatShape, type InputKind } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import { dataTypeName } from './data-type.js';
import type { OnnxModel } from './model.js';

/** Where a sample's channels stand: before its other dimensions, or behind them. */
export const layouts = ['channels-first', 'channels-last'] as const;
export type Layout = (typeof layouts)[number];

/** How the input of a model is to be taken, where its shape does not say. */
export interface InputChoice {
  /** Default: a picture where one dimension at either end counts 1 or 3 channels, else a tensor. */
  kind?: InputKind | undefined;
  /** Default: by the number of channels. */
  layout?: Layout | undefined;
}

/** What a model's input is, and what stands for it in a bundle. */
export interface ModelInput {
  kind: InputKind;
  /** Of one sample in a bundle, float32; of a picture channels × height × width. */
  shape: number[];
  /** The element type that the model takes. */
  type: string;
  /** Of the model; of a tensor only where it was said. */
  layout?: Layout;
}

/** The number ranges of integer types, as far as float32 has them. */
export const integerRanges: ReadonlyMap<string, readonly [least: number, largest: number]> = new Map([
  ['uint8', [0, 255]],
  ['int8', [-128, 127]],
  ['uint16', [0, 65_535]],
  ['int16', [-32_768, 32_767]],
  // The largest float32 below 2^31.
  ['int32', [-(2 ** 31), 2 ** 31 - 128]],
] as const);

const inputTypes = ['float32', 'float16', 'float64', ...integerRanges.keys()];
const maxRank = 3;

/** The type of a model's input. @throws OfframpError `MODEL_UNSUPPORTED` for what is no number, and for 64-bit integers */
export function inputTypeOf({ where, input }: Pick<OnnxModel, 'where' | 'input'>): string {
  const type = dataTypeName(input.type?.tensorType?.elemType ?? 0);
  if (inputTypes.includes(type)) return type;
  throw new OfframpError(
    'MODEL_UNSUPPORTED',
    `${where}: expected input ${input.name} to be of one of ${inputTypes.join(', ')}; found ${type}`,
    { hint: 'Give the model an input of numbers of one of these types, and cast it inside the model.' },
  );
}

/**
 * What a model's input is taken for.
 * @param sampleShape of one sample, in the model's own order
 * @throws OfframpError `MODEL_UNSUPPORTED` for samples of more than three dimensions, and where a picture's layout is not
 *   plain; `CONFIG_INVALID` for a choice that contradicts the shape
 */
export function modelInputOf(
  model: Pick<OnnxModel, 'where' | 'input'>,
  sampleShape: readonly number[],
  { kind, layout }: InputChoice,
): ModelInput {
  const type = inputTypeOf(model);
  const found = `input ${model.input.name} is ${formatShape(sampleShape)}`;
  if (sampleShape.length > maxRank) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${model.where}: expected samples of 1 to ${maxRank} dimensions; ${found}`,
      { hint: 'Reshape inside the model: give it an input whose dimensions are merged.' },
    );
  }
  const picture = kind === 'tensor' ? null : pictureLayout(sampleShape, layout);
  if (picture === 'either') {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${model.where}: expected one dimension to count the channels of a picture, 1 or 3; ${found}, where the first and the last could`,
      {
        hint: 'Say where the channels are: --layout channels-first or --layout channels-last. For numbers that are no picture: --input-kind tensor.',
      },
    );
  }
  if (kind === 'picture' && !picture) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--input-kind: expected tensor, because a picture has 1 or 3 channels, height and width; ${found}${layout ? `, ${layout}` : ''}`,
    );
  }
  if (!picture) return { kind: 'tensor', shape: [...sampleShape], type, ...(layout ? { layout } : {}) };
  const [a, b, c] = sampleShape as [number, number, number];
  return {
    kind: 'picture',
    shape: picture === 'channels-first' ? [a, b, c] : [c, a, b],
    type,
    layout: picture,
  };
}

/** Where a sample has the channels of a picture; `null` where it is none. */
function pictureLayout(shape: readonly number[], wanted: Layout | undefined): Layout | 'either' | null {
  if (shape.length !== 3) return null;
  const fits = layouts.filter((layout) =>
    [1, 3].includes(shape.at(layout === 'channels-first' ? 0 : -1) ?? 0),
  );
  if (wanted) return fits.includes(wanted) ? wanted : null;
  return fits.length > 1 ? 'either' : (fits[0] ?? null);
}
