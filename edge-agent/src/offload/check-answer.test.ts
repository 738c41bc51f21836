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

test('a good answer comes with the exits it passed', () => {
  expect(checkAnswer(answer(), scope)).toEqual({
    outcome: { exit: 4, label: 3, confidence: 0.5 },
    passed: [
      { exit: 2, label: 1, confidence: 0.25 },
      { exit: 3, label: 3, confidence: 0.375 },
    ],
  });
});

test('of a sample that was sent as input, the exits that the device passed itself count once', () => {
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
  ['an exit that is not there', { exit: 5 }],
  ['a label that is not there', { label: 10 }],
  ['a confidence above 1', { confidence: 1.5 }],
  ['a confidence that is no number', { confidence: Number.NaN }],
  ['a passed exit behind the answer', { exit: 3 }],
  ['passed exits out of order', { passed: [{ exit: 3 }, { exit: 2 }] }],
  ['a passed label that is not there', { passed: [{ exit: 2, label: 11 }] }],
];

test.each(bad)('%s: in words', (_, differing) => {
  expect(checkAnswer(answer(differing), scope)).toEqual(expect.any(String));
});
