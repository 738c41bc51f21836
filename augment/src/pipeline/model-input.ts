import { type InputSpecification, inputProblems, type Preprocessing } from '@offramp/bundle';
import { flagOf, OfframpError } from '@offramp/runtime';
import type { BackboneProfile } from '../onnx/profile.js';

/**
 * The bundle's input: the backbone's shape with the preprocessing.
 * @throws OfframpError `MODEL_UNSUPPORTED` for an input that is no picture of 1 or 3 channels;
 *   `CONFIG_INVALID` for preprocessing that does not fit it
 */
export function inputOf(backbone: BackboneProfile, preprocessing: Preprocessing): InputSpecification {
  const [channels = 0, height = 0, width = 0] = backbone.input.shape;
  if (backbone.input.shape.length !== 3) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${backbone.model.where}: expected an input of channels × height × width; found ${backbone.input.shape.join('×')}`,
    );
  }
  if (channels !== 1 && channels !== 3) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${backbone.model.where}: expected an input of 1 or 3 channels, batch × channels × height × width; found ${channels} channels`,
      width === 1 || width === 3
        ? {
            hint: 'The channels seem to come last. Export it with channels first: tf2onnx has --inputs-as-nchw.',
          }
        : {},
    );
  }
  const input: InputSpecification = { shape: [channels, height, width], preprocessing };
  const [problem] = inputProblems(input);
  if (problem) throw new OfframpError('CONFIG_INVALID', `--${flagOf(problem.key)}: ${problem.problem}`);
  return input;
}
