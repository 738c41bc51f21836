import { elementsOf, maxSampleElements } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import type { OnnxModel } from './model.js';
import { declaredShape } from './value-info.js';

/**
 * The shape of one sample, from the model's declared input and, where that leaves dimensions open, from
 * the user.
 * @returns `declaredBatch`: the batch size written into the model, 1 where it is dynamic
 * @throws OfframpError `MODEL_UNSUPPORTED` for open dimensions without a value, `CONFIG_INVALID` for a
 *   `wanted` shape that contradicts the declared one
 */
export function sampleShapeOf(
  model: OnnxModel,
  wanted: readonly number[] | undefined,
): { sampleShape: number[]; declaredBatch: number } {
  const { where, input } = model;
  const declared = declaredShape(input);
  if (declared && declared.length < 2) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected input ${input.name} to have a batch dimension and more; it is declared as [${declared.join(', ')}]`,
    );
  }
  const [declaredBatch, ...open] = declared ?? ['?'];
  const found = declared ? `[${declared.join(', ')}]` : 'without a shape';
  if (wanted && !fitsDeclared(declared, wanted)) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--input-shape: found ${wanted.join(',')}; ${where} declares input ${input.name} as ${found}, batch first`,
    );
  }
  const sampleShape = [...(wanted ?? open)].map(Number);
  if (sampleShape.length === 0 || !sampleShape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new OfframpError(
      wanted ? 'CONFIG_INVALID' : 'MODEL_UNSUPPORTED',
      `${where}: expected a fixed sample shape; input ${input.name} is declared ${declared ? 'as ' : ''}${found}`,
      { hint: 'Say what one sample looks like, batch left out: --input-shape 3,224,224.' },
    );
  }
  if (elementsOf(sampleShape) > maxSampleElements) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `${where}: expected at most ${maxSampleElements} values in a sample; input ${input.name} is ${found}`,
    );
  }
  return { sampleShape, declaredBatch: typeof declaredBatch === 'number' ? declaredBatch : 1 };
}

/** Whether a sample's shape agrees with the declared one of a batch; `null`: none is declared. */
export function fitsDeclared(
  declared: readonly (number | string)[] | null,
  shape: readonly number[],
): boolean {
  if (!declared) return true;
  const open = declared.slice(1);
  return (
    shape.length === open.length && open.every((size, i) => typeof size === 'string' || size === shape[i])
  );
}
