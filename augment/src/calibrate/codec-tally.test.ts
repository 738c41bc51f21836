import { expect, test } from 'vitest';
import type { CodecCandidate } from './codec-candidates.js';
import { CodecTally, cheapestCodec } from './codec-tally.js';

/** Answers as pairs of letters: whether a sample agrees without the codec, and with it. */
function tally(candidate: CodecCandidate, bytes: number, answers: string): CodecTally {
  const counted = new CodecTally(candidate);
  for (const pair of answers.split(' ')) counted.count(bytes, pair[0] === 'y', pair[1] === 'y');
  return counted;
}

const coarse = tally({ encoding: 'int4+deflate', step: 1 }, 10, 'yy yn yn ny');
const middle = tally({ encoding: 'int4+deflate' }, 20, 'yy yy yn ny');
const fine = tally({ encoding: 'float16+deflate' }, 40, 'yy yy yy ny');
const bounds = { samples: 10, agreedBefore: 5, allowedLost: 1 };

test('the fewest bytes within the allowed loss win, in any order', () => {
  const expected = { encoding: 'int4+deflate', meanBytes: 20, agreement: 0.8, agreementLost: 0.1 };
  expect(cheapestCodec([coarse, middle, fine], bounds)).toEqual(expected);
  expect(cheapestCodec([fine, middle, coarse], bounds)).toEqual(expected);
  expect(cheapestCodec([coarse, middle, fine], { ...bounds, allowedLost: 2 })).toMatchObject({ step: 1 });
});

test('newly correct answers do not offset newly wrong ones', () => {
  const lucky = tally({ encoding: 'int4+deflate', step: 2 }, 1, 'yn yn ny ny ny');
  expect(cheapestCodec([lucky], bounds)).toBeUndefined();
});

test('samples that agree neither before nor after lose nothing', () => {
  const wrong = tally({ encoding: 'int8+deflate' }, 3, 'nn nn yy');
  expect(cheapestCodec([wrong], { ...bounds, allowedLost: 0 })).toMatchObject({ agreementLost: 0 });
});

test('nothing is chosen if nothing was tried', () => {
  expect(cheapestCodec([new CodecTally({ encoding: 'int4+deflate' })], bounds)).toBeUndefined();
});
