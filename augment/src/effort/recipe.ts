import { OfframpError } from '@offramp/runtime';
import type { MemoryPlan } from './memory-plan.js';
import type { Rates } from './rehearsal.js';

/** How much work a run of `augment` does. */
export interface Recipe {
  /** Training pictures of the trial; 0: there is none. */
  trialPictures: number;
  epochs: number;
  /** Training pictures of each epoch, other ones every time. */
  picturesPerEpoch: number;
  /** Held-out pictures that codecs are chosen on, at most. */
  codecPictures: number;
}

/** What a run has to do, and how fast it does it. */
export interface Workload {
  trial: { epochs: number; judged: number; rates: Rates } | null;
  training: Rates;
  heldOut: number;
  /** Held-out pictures that the finished bundle is checked on. */
  checked: number;
  /** Runs of the backbone that choosing codecs takes: on the first pictures, then for each further one. */
  codecRuns: (pictures: number) => number;
}

/** A part of the work. */
export interface EstimatedPart {
  title: string;
  ms: number;
}

/** What a run of `augment` is about to take. */
export interface EffortEstimate {
  recipe: Recipe;
  /** Whether the recipe was shortened to fit into the time. */
  isShortened: boolean;
  time: readonly EstimatedPart[];
  memory: MemoryPlan;
  /** Whether the time to train a codec comes on top. */
  leavesOutCodec: boolean;
  /** What the estimate itself took. */
  rehearsalMs: number;
}

/** Smallest number of passes, where there are fewer pictures an epoch instead. */
const fewestEpochs = 3;
/** Fewest pictures of a trial. */
const fewestTried = 256;
/** Shares of the time, at most. */
const shares = { trial: 0.3, codecs: 0.15 } as const;

/** The time of each part of the work. */
export function estimateTime(recipe: Recipe, work: Workload): EstimatedPart[] {
  const { trial, training, heldOut, checked, codecRuns } = work;
  const trained = recipe.epochs * recipe.picturesPerEpoch;
  return [
    ...(trial
      ? [
          {
            title: 'trial',
            ms:
              recipe.trialPictures * (trial.rates.once + trial.epochs * trial.rates.pass) +
              trial.judged * trial.rates.heldOut,
          },
        ]
      : []),
    { title: 'training', ms: recipe.picturesPerEpoch * training.once + trained * training.pass },
    { title: 'held-out samples', ms: heldOut * training.heldOut },
    { title: 'checking the bundle', ms: checked * training.heldOut },
    { title: 'choosing codecs', ms: codecRuns(recipe.codecPictures) * training.heldOut },
  ];
}

export const totalOf = (parts: readonly EstimatedPart[]) => parts.reduce((sum, { ms }) => sum + ms, 0);

/**
 * Shortens a recipe until it fits into a time: fewer pictures for the trial and the codecs, then fewer epochs, then fewer pictures
 * an epoch.
 * @throws OfframpError `CONFIG_INVALID` where even the shortest takes longer
 */
export function fitRecipe(full: Recipe, work: Workload, ms: number): Recipe {
  if (totalOf(estimateTime(full, work)) <= ms) return full;
  const within = (share: number, most: number, least: number, cost: (pictures: number) => number) => {
    let [low, high] = [Math.min(least, most), most];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (cost(middle) <= share * ms) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const partOf = (title: string, recipe: Recipe) =>
    estimateTime(recipe, work).find((part) => part.title === title)?.ms ?? 0;
  const trialPictures = within(shares.trial, full.trialPictures, fewestTried, (pictures) =>
    partOf('trial', { ...full, trialPictures: pictures }),
  );
  const codecPictures = within(shares.codecs, full.codecPictures, 1, (pictures) =>
    partOf('choosing codecs', { ...full, codecPictures: pictures }),
  );
  const shortened = { ...full, trialPictures, codecPictures };
  const others = totalOf(estimateTime({ ...shortened, epochs: 0, picturesPerEpoch: 0 }, work));
  const { once, pass } = work.training;
  const size = full.picturesPerEpoch;
  const fewest = Math.min(fewestEpochs, full.epochs);
  const passes = Math.ceil((ms - others - once * size) / Math.max(pass * size, Number.MIN_VALUE));
  const epochs = Math.max(fewest, Math.min(full.epochs, passes));
  const picturesPerEpoch = Math.min(size, Math.floor((ms - others) / (once + epochs * pass)));
  const least = Math.min(fewestTried, size);
  if (picturesPerEpoch >= least) return { ...shortened, epochs, picturesPerEpoch };
  const shortest = others + least * (once + fewest * pass);
  throw new OfframpError(
    'CONFIG_INVALID',
    `--minutes: expected at least ${Math.ceil(shortest / 60_000)}, which the shortest training takes about; found ${Number((ms / 60_000).toPrecision(3))}`,
  );
}
