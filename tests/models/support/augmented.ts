import {
  augmentBackbone,
  type Backbone,
  bodiesOf,
  inputOf,
  trainerFacts,
  trainerFor,
  trainingOptions,
} from '@offramp/augment';
import type { Bundle, InputSpecification } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { defineConfig, resolveConfig } from '@offramp/runtime';
import type { ModelKind } from './model-kind.js';

const recipe = defineConfig('augment', trainingOptions);
const leastRecipe = {
  ...{ branches: 2, placement: 'linear', body: 'pool', reuse: 'none', epochs: 1, batchSize: 32 },
} as const;
/** Share of the samples that are held out. */
const holdOut = 0.4;

function preprocessingOf({ profile: { input } }: Backbone) {
  const isPicture = input.kind === 'picture' && input.type !== 'uint8';
  const perChannel = (value: number) => new Array<number>(input.shape[0] ?? 0).fill(value);
  return isPicture ? { mean: perChannel(0.5), std: perChannel(0.25) } : null;
}

/** A bundle of two pooled branches and one epoch, unless `more` says otherwise. @param open gets what the bundle will take */
export async function augmented(
  backbone: Backbone,
  out: string,
  open: (input: InputSpecification) => Dataset | Promise<Dataset>,
  more: ModelKind['recipe'] = {},
): Promise<Bundle> {
  const preprocessing = preprocessingOf(backbone);
  const config = await resolveConfig(recipe, { ...leastRecipe, ...more }, {});
  const samples = await open(inputOf(backbone.profile, preprocessing));
  const { bundle } = await augmentBackbone(backbone, samples, out, {
    ...{ ...config, name: 'kind', labels: null, preprocessing, holdOut, calibration: null },
    // So few samples prove no agreement.
    ...{ agreement: 0.98, cost: 1, delta: 0.05, deviceCost: 0.45 },
    ...{ bodies: bodiesOf(config), cutPoints: null },
    ...{ trainer: trainerFor(config), trainerOptions: trainerFacts(config) },
    progress: { step: () => undefined, advance: () => undefined },
  });
  return bundle;
}
