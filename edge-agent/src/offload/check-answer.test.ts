import { type AnswerInit, v1 } from '@offramp/contracts';
import { decoded } from '@offramp/contracts/testing';
import { expect, test } from 'vitest';
import { checkAnswer } from './check-answer.js';

const scope = { bundleDigest: new Uint8Array(32).fill(1), labels: 10, branches: 4, firstExit: 2 };
const answer = (differing: AnswerInit = {}) =>
  decoded(v1.Answer, {
    bundleDigest: scope.bundleDigest,
    exit: 4,
    label: 3,
    confidence: 0.5,
    passed: [
      { exit: 2, label: 1, confidence: 0.25 },
      { exit: 3, label: 3, confidence: 0.375 },
    ],
    ...differing,
  });

test('returns a valid answer with the exits that the sample passed', () => {
  expect(checkAnswer(answer(), scope)).toEqual({
    outcome: { exit: 4, label: 3, confidence: 0.5 },
    passed: [
      { exit: 2, label: 1, confidence: 0.25 },
      { exit: 3, label: 3, confidence: 0.375 },
    ],
  });
});

test('of a sample that was sent as input, exits that ran on the device count once', () => {
  const early = { exit: 0, label: 2, confidence: 0.1 };
  const resumed = answer({ passed: [early, { exit: 2, label: 1, confidence: 0.2 }] });
  expect(checkAnswer(resumed, scope, 0)).toMatchObject({ passed: [{ exit: 2 }] });
  expect(checkAnswer(resumed, scope)).toEqual(expect.any(String));
  expect(checkAnswer(answer({ exit: 1, passed: [early] }), scope, 0)).toEqual(expect.any(String));
});

const bad: [string, AnswerInit][] = [
  ['another bundle', { bundleDigest: new Uint8Array(32) }],
  ['no bundle', { bundleDigest: null }],
  ['an exit that the device ran itself', { exit: 1, passed: [] }],
  ['an exit that does not exist', { exit: 5 }],
  ['a label that does not exist', { label: 10 }],
  ['a confidence above 1', { confidence: 1.5 }],
  ['a confidence of NaN', { confidence: Number.NaN }],
  ['a passed exit after the answering one', { exit: 3 }],
  ['passed exits out of order', { passed: [{ exit: 3 }, { exit: 2 }] }],
  ['a passed label that does not exist', { passed: [{ exit: 2, label: 11 }] }],
];

test.each(bad)('describes %s', (_, differing) => {
  expect(checkAnswer(answer(differing), scope)).toEqual(expect.any(String));
});
