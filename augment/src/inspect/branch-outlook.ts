import { isOfframpError } from '@offramp/runtime';
import { bodiesOf } from '../branches/training-config.js';
import type { BackboneProfile } from '../onnx/profile.js';
import { designBranches } from '../pipeline/design-branches.js';

/**
 * Why `augment` with its default options could attach no branch to a backbone that saves anything, whatever the data; `null` if
 * it could.
 */
export function branchProblem(backbone: BackboneProfile): string | null {
  try {
    const bodies = bodiesOf({ body: 'auto', reduce: 'pool' });
    designBranches(backbone, { branches: 1, placement: 'auto', cutPoints: null, bodies, reuse: 'none' });
    return null;
  } catch (error) {
    if (isOfframpError(error)) return error.message.replace(`${backbone.model.where}: `, '');
    throw error;
  }
}
