import type { ModelKind } from './model-kind.js';

/** Smaller probabilities lose their last digits in float32. */
const leastProbability = 1e-30;

type ScoreKind = Pick<ModelKind, 'scores' | 'numbers'>;

/**
 * The largest difference between probabilities and the scores of a whole model. Logits are compared as such: softmax takes
 * all but a constant from them, and the logarithm of its result is that of theirs. The difference is then one of logits, relative
 * to the largest of them where that is above 1. Of models of float16 probabilities are compared: it holds logits to three digits,
 * and ONNX Runtime rounds to it where a model ends, but not everywhere inside.
 */
export function difference(
  probabilities: Float32Array,
  scores: Float32Array,
  { scores: kind, numbers }: ScoreKind,
): number {
  const expected = ofClasses([...scores], kind);
  if (expected.length !== probabilities.length) return Number.NaN;
  if (!isLogits(kind) || numbers === 'float16') {
    const wanted = probabilitiesOf([...scores], kind);
    return Math.max(...wanted.map((value, i) => Math.abs(value - (probabilities[i] as number))));
  }
  const top = Math.max(...expected);
  const logSum = top + Math.log(expected.reduce((sum, value) => sum + Math.exp(value - top), 0));
  const largest = Math.max(1, ...expected.map(Math.abs));
  return Math.max(
    ...expected.map((value, i) => {
      const found = Math.log(Math.max(leastProbability, probabilities[i] as number));
      return Math.abs(found - Math.max(Math.log(leastProbability), value - logSum)) / largest;
    }),
  );
}

/** What scores of a whole model say of each class. */
export function probabilitiesOf(scores: number[], kind: ModelKind['scores']): number[] {
  const ofEach = ofClasses(scores, kind);
  if (!isLogits(kind)) return ofEach;
  const top = Math.max(...ofEach);
  const powers = ofEach.map((value) => Math.exp(value - top));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

const isLogits = (kind: ModelKind['scores'] = 'logits') => kind === 'logits' || kind === 'one logit';

/** Scores for each class; a single one is that of the second of two. */
function ofClasses(scores: number[], kind: ModelKind['scores']): number[] {
  const [score = 0] = scores;
  if (kind === 'one logit') return [-score / 2, score / 2];
  return kind === 'one probability' ? [1 - score, score] : scores;
}
