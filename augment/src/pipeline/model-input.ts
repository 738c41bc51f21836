import {
  type InputSpecification,
  inputProblems,
  type Preprocessing,
  type TensorPreprocessing,
} from '@offramp/bundle';
import { flagOf, OfframpError } from '@offramp/runtime';
import type { BackboneProfile } from '../onnx/profile.js';

/** Of a picture or a tensor; `null`: none is given. */
export type InputPreprocessing = Preprocessing | TensorPreprocessing | null;

/**
 * The bundle's input: what the backbone's input is taken for, with the preprocessing.
 * @throws OfframpError `CONFIG_INVALID` for preprocessing that does not fit it
 */
export function inputOf(
  { input }: Pick<BackboneProfile, 'input'>,
  preprocessing: InputPreprocessing,
): InputSpecification {
  const made = input.kind === 'tensor' ? tensorOf(input, preprocessing) : pictureOf(input, preprocessing);
  const [problem] = inputProblems(made);
  if (problem) throw new OfframpError('CONFIG_INVALID', `--${flagOf(problem.key)}: ${problem.problem}`);
  return made;
}

/**
 * What applies where none is given: a model that takes a picture's bytes gets them as they are.
 * @returns `null` where there is no usual one
 */
export function usualPreprocessing({ kind, type, shape }: BackboneProfile['input']): Preprocessing | null {
  if (kind !== 'picture' || type !== 'uint8') return null;
  const perChannel = (value: number) => new Array<number>(shape[0] ?? 0).fill(value);
  return { scale: 'raw', mean: perChannel(0), std: perChannel(1) };
}

function tensorOf(
  { shape, layout }: BackboneProfile['input'],
  preprocessing: InputPreprocessing,
): InputSpecification {
  if (!preprocessing) return { kind: 'tensor', shape };
  const own: TensorPreprocessing & Partial<Preprocessing> = preprocessing;
  const { mean, std, channelAxis = layout === 'channels-last' ? 'last' : undefined, ...others } = own;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--${flagOf(other)}: expected none for a tensor, which has only --mean and --std`,
    );
  }
  return { kind: 'tensor', shape, preprocessing: { mean, std, ...(channelAxis ? { channelAxis } : {}) } };
}

function pictureOf(input: BackboneProfile['input'], preprocessing: InputPreprocessing): InputSpecification {
  const [channels, height, width] = input.shape as [number, number, number];
  const own = preprocessing ?? usualPreprocessing(input);
  if (!own) throw new OfframpError('CONFIG_INVALID', '--mean: expected a value; found nothing');
  return { shape: [channels, height, width], preprocessing: own as Preprocessing };
}
