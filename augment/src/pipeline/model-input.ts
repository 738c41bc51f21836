import {
  type InputSpecification,
  manifestSchema,
  type Preprocessing,
  preprocessingProblems,
} from '@offramp/bundle';
import { flagOf, OfframpError } from '@offramp/runtime';
import type { BackboneProfile } from '../onnx/profile.js';

/**
 * The bundle's input: the backbone's shape with the preprocessing.
 * @throws OfframpError `MODEL_UNSUPPORTED` for an input that is no picture of 1 or 3 channels;
 *   `CONFIG_INVALID` for preprocessing that does not fit it
 */
export function inputOf(backbone: BackboneProfile, preprocessing: Preprocessing): InputSpecification {
  const shape = manifestSchema.shape.input.shape.shape.safeParse(backbone.input.shape);
  if (!shape.success) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${backbone.model.where}: expected an input of channels × height × width; found ${backbone.input.shape.join('×')}`,
    );
  }
  const [channels, , last] = shape.data;
  if (channels !== 1 && channels !== 3) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${backbone.model.where}: expected an input of 1 or 3 channels, batch × channels × height × width; found ${channels} channels`,
      last === 1 || last === 3
        ? {
            hint: 'The channels seem to come last. Export it with channels first: tf2onnx has --inputs-as-nchw.',
          }
        : {},
    );
  }
  const [problem] = preprocessingProblems(preprocessing, shape.data);
  if (problem) throw new OfframpError('CONFIG_INVALID', `--${flagOf(problem.key)}: ${problem.problem}`);
  return { shape: shape.data, preprocessing };
}
