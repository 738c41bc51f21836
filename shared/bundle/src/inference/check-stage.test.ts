import type { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { checkStage } from './check-stage.js';

type Metadata = InferenceSession.ValueMetadata;
const tensor = (name: string, shape: (number | string)[], type = 'float32') =>
  ({ name, isTensor: true, type, shape }) as Metadata;

const input = tensor('input', ['N', 3, 8, 8]);
const activation = tensor('activation', ['N', 4, 2, 2]);
const probabilities = tensor('probabilities', ['N', 10]);
const confidence = tensor('confidence', ['N']);
const described = { inputShape: [3, 8, 8], activationShape: [4, 2, 2], labels: 10 };

const check = (
  inputs: Metadata[],
  outputs: Metadata[],
  stage: Parameters<typeof checkStage>[2] = described,
) => checkStage({ inputMetadata: inputs, outputMetadata: outputs }, 1, stage);

describe('checkStage', () => {
  it('takes what the manifest says, in any order and with a batch of any name', () => {
    check([input], [activation, probabilities, confidence]);
    check([tensor('input', ['batch', 3, 8, 8])], [confidence, probabilities, activation]);
    check([tensor('input', ['', 3, 8, 8])], [confidence, tensor('probabilities', [-1, 10]), activation]);
    check([input], [probabilities, confidence], { ...described, activationShape: null });
  });

  const outputs = [activation, probabilities, confidence];
  it.each<[string, Metadata[], Metadata[], string]>([
    ['a fixed batch', [tensor('input', [1, 3, 8, 8])], outputs, 'the model has input float32 1×3×8×8'],
    ['an open size', [tensor('input', ['N', 3, 'h', 'w'])], outputs, 'input float32 N×3×h×w'],
    ['another type', [tensor('input', ['N', 3, 8, 8], 'float16')], outputs, 'input float16'],
    ['another name', [tensor('x', ['N', 3, 8, 8])], outputs, 'the model has x float32'],
    ['a second input', [input, tensor('mask', ['N'])], outputs, 'mask float32 N'],
    ['no tensor', [{ name: 'input', isTensor: false }], outputs, 'input, which is no tensor'],
    ['no activation', [input], [probabilities, confidence], 'outputs: expected activation float32 N×4×2×2'],
    ['another output', [input], [...outputs, tensor('more', ['N'])], 'more float32 N'],
    ['a confidence per label', [input], [activation, probabilities, tensor('confidence', ['N', 10])], 'N×10'],
  ])('refuses %s', (_, inputs, found, message) => {
    expect(() => check(inputs, found)).toThrow(
      expect.objectContaining({ code: 'BUNDLE_INVALID', message: expect.stringContaining(message) }),
    );
  });

  it('refuses an activation of the last stage', () => {
    expect(() => check([input], outputs, { ...described, activationShape: null })).toThrow(
      'stage 1: outputs: expected probabilities float32 N×10, confidence float32 N, as the manifest has it',
    );
  });
});
