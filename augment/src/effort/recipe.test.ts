import { describe, expect, it } from 'vitest';
import { estimateTime, fitRecipe, type Recipe, totalOf, type Workload } from './recipe.js';

const full: Recipe = { trialPictures: 12_800, epochs: 6, picturesPerEpoch: 45_000, codecPictures: 5_000 };
const work: Workload = {
  trial: { epochs: 2, judged: 1_000, rates: { pass: 40, once: 0, heldOut: 8 } },
  training: { pass: 25, once: 0, heldOut: 6 },
  heldOut: 4_000,
  checked: 500,
  codecRuns: (pictures) => 10 * pictures,
};
const minute = 60_000;
const msOf = (recipe: Recipe) => totalOf(estimateTime(recipe, work));

describe('fitRecipe', () => {
  it('leaves a recipe that fits', () => {
    expect(fitRecipe(full, work, msOf(full))).toBe(full);
  });

  it.each([150, 120, 60, 30, 15, 5])('fits into %d minutes and uses most of them', (minutes) => {
    const recipe = fitRecipe(full, work, minutes * minute);
    expect(msOf(recipe)).toBeLessThanOrEqual(minutes * minute);
    expect(msOf(recipe)).toBeGreaterThan(0.8 * minutes * minute);
    const [trial] = estimateTime(recipe, work);
    expect(trial?.ms).toBeLessThanOrEqual(0.31 * minutes * minute);
    expect(recipe.epochs).toBeGreaterThanOrEqual(3);
    // Rather fewer epochs than fewer pictures.
    if (recipe.epochs > 3) expect(recipe.picturesPerEpoch).toBeGreaterThan(0.75 * full.picturesPerEpoch);
  });

  it('does more in more time', () => {
    const passes = [5, 20, 60, 120].map((minutes) => {
      const { epochs, picturesPerEpoch } = fitRecipe(full, work, minutes * minute);
      return epochs * picturesPerEpoch;
    });
    expect(passes).toEqual(passes.toSorted((a, b) => a - b));
  });

  it('refuses a time that is too short, with one that is not', () => {
    const message = /--minutes: expected at least (\d+), .*; found 0.5/;
    const refused = () => fitRecipe(full, work, 0.5 * minute);
    expect(refused).toThrow(message);
    let least = 0;
    try {
      refused();
    } catch (error) {
      least = Number(message.exec((error as Error).message)?.[1]);
    }
    expect(msOf(fitRecipe(full, work, least * minute))).toBeLessThanOrEqual(least * minute);
  });

  it('counts a pass that all epochs share once', () => {
    const pooled: Workload = { ...work, trial: null, training: { pass: 1, once: 20, heldOut: 6 } };
    const recipe = fitRecipe({ ...full, trialPictures: 0 }, pooled, 12 * minute);
    expect(totalOf(estimateTime(recipe, pooled))).toBeLessThanOrEqual(12 * minute);
    expect(recipe.picturesPerEpoch).toBeGreaterThan(10_000);
  });
});
