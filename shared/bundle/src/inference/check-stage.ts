import { OfframpError } from '@offramp/runtime/errors';
import type { InferenceSession } from 'onnxruntime-node';
import type { StageModel } from './stage-models.js';
import { stageTensors } from './stage-runner.js';

/**
 * Compares what a stage's model declares with what the manifest says of it: names, types and shapes of input and outputs.
 * @param stage its number, for messages
 * @throws OfframpError `BUNDLE_INVALID`
 */
export function checkStage(
  { inputMetadata, outputMetadata }: Pick<InferenceSession, 'inputMetadata' | 'outputMetadata'>,
  stage: number,
  { inputShape, activationShape, labels }: Omit<StageModel, 'model'>,
): void {
  compare(`stage ${stage}: inputs`, inputMetadata, [[stageTensors.input, inputShape]]);
  compare(`stage ${stage}: outputs`, outputMetadata, [
    ...(activationShape ? ([[stageTensors.activation, activationShape]] as const) : []),
    [stageTensors.probabilities, [labels]],
    [stageTensors.confidence, []],
  ]);
}

/**
 * The same of a learned codec's encoder or decoder.
 * @param what names it in messages
 * @throws OfframpError `BUNDLE_INVALID`
 */
export function checkCodec(
  { inputMetadata, outputMetadata }: Pick<InferenceSession, 'inputMetadata' | 'outputMetadata'>,
  what: string,
  part: 'encoder' | 'decoder',
  activation: readonly number[],
  symbols: number,
): void {
  const ends = [
    [stageTensors.activation, activation],
    [stageTensors.code, [symbols]],
  ] as const;
  const [input, output] = part === 'encoder' ? ends : ends.toReversed();
  compare(`${what}: inputs`, inputMetadata, [input as (typeof ends)[number]]);
  compare(`${what}: outputs`, outputMetadata, [output as (typeof ends)[number]]);
}

function compare(
  what: string,
  found: readonly InferenceSession.ValueMetadata[],
  expected: readonly (readonly [name: string, shape: readonly number[]])[],
): void {
  const wanted = expected.map(([name, shape]) => describe(name, 'float32', ['N', ...shape]));
  const declared = found.map((value) =>
    value.isTensor
      ? // The batch has a symbol of any name; a number would refuse other batches.
        describe(
          value.name,
          value.type,
          value.shape.map((size, i) => (i === 0 && isOpen(size) ? 'N' : size)),
        )
      : `${value.name}, which is no tensor`,
  );
  if (wanted.toSorted().join() === declared.toSorted().join()) return;
  throw new OfframpError(
    'BUNDLE_INVALID',
    `${what}: expected ${wanted.join(', ')}, as the manifest has it; the model has ${declared.join(', ')}`,
  );
}

const isOpen = (size: number | string) => typeof size === 'string' || size < 0;
const describe = (name: string, type: string, shape: readonly (number | string)[]) =>
  `${name} ${type} ${shape.map((size) => (size === '' ? '?' : size)).join('×')}`;
