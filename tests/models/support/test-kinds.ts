import { dirname, join } from 'node:path';
import { branchProblem, loadBackbone } from '@offramp/augment';
import { madeUpSamples } from '@offramp/augment/testing';
import { type Bundle, InferencePool } from '@offramp/bundle';
import { normalise } from '@offramp/data';
import { temporaryFolder } from '@offramp/runtime/testing';
import { expect, it } from 'vitest';
import { augmented } from './augmented.js';
import { cascadeAnswers } from './cascade-answers.js';
import { difference, probabilitiesOf } from './differences.js';
import { type ModelKind, writeKind } from './model-kind.js';
import { wholeModelScores } from './whole-model.js';

/** What may lie between the cascade and the whole model. */
const maxDifference = 1e-4;
const counts = { samples: 60, answered: 16 };
const batches = [1, 5, counts.answered];

/**
 * Takes each kind of model through what `offramp inspect` and `offramp augment` do: it is refused with a hint before any
 * training, or its bundle's cascade answers as the whole model does, in batches of any size.
 */
export function testKinds(kinds: Readonly<Record<string, ModelKind>>): void {
  it.each(Object.entries(kinds))('%s', async (_, kind) => {
    const path = await writeKind(await temporaryFolder(), kind);
    if (kind.refused) {
      const { code, message, hint } = kind.refused;
      await expect(loadBackbone(path, kind.options)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      });
      return;
    }
    const backbone = await loadBackbone(path, kind.options);
    const out = join(dirname(path), 'bundle');
    const augment = (more: ModelKind['recipe'] = {}) =>
      augmented(backbone, out, (input) => madeUpSamples(input, counts.samples), { ...kind.recipe, ...more });
    const problem = branchProblem(backbone.profile);
    if (kind.withoutBranches) {
      expect(problem).toMatch(kind.withoutBranches);
      await expect(augment()).rejects.toMatchObject({ message: expect.stringMatching(kind.withoutBranches) });
    } else expect(problem).toBeNull();
    const bundle = await augment(kind.withoutBranches ? { branches: 0 } : {});
    expect(bundle.branches > 0).toBe(!kind.withoutBranches);
    await expectWholeAnswers(path, kind, bundle);
  });
}

async function expectWholeAnswers(path: string, kind: ModelKind, bundle: Bundle): Promise<void> {
  const { input } = bundle.manifest;
  const dataset = madeUpSamples(input, counts.answered);
  const samples: Float32Array[] = [];
  for (let i = 0; i < counts.answered; i++) {
    samples.push(Float32Array.from(normalise((await dataset.readFitted(i, input)).values, input)));
  }
  const expected = await wholeModelScores(path, kind, samples, input.shape);
  expect(largestDifference(expected, kind), 'samples answered alike').toBeGreaterThan(0.01);
  const pool = await InferencePool.create(bundle);
  for (const batch of batches) {
    const found = await cascadeAnswers(pool, bundle, samples.slice(0, batch));
    expect(found).toHaveLength(batch);
    const worst = Math.max(
      ...found.map((answer, i) => difference(answer, expected[i] as Float32Array, kind)),
    );
    expect(worst, `in a batch of ${batch}`).toBeLessThanOrEqual(maxDifference);
  }
  await pool.close();
}

/** Between the answers to neighbouring samples: a mix-up of samples is seen only where they differ. */
function largestDifference(rows: readonly Float32Array[], kind: ModelKind): number {
  const probabilities = rows.map((row) => Float32Array.from(probabilitiesOf([...row], kind.scores)));
  return Math.max(...rows.slice(1).map((row, i) => difference(probabilities[i] as Float32Array, row, kind)));
}
