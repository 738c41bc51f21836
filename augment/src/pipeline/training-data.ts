import { maxLabelLength } from '@offramp/bundle';
import { alignLabels, type Dataset, subsetOf } from '@offramp/data';
import { OfframpError, quoted } from '@offramp/runtime';
import { splitForTrial } from '../branches/choose-by-trial.js';
import type { BackboneProfile } from '../onnx/profile.js';
import type { AugmentOptions } from './augment-options.js';
import { splitHoldOut } from './hold-out.js';

/** The names of the classes. @throws OfframpError `CONFIG_INVALID` or `DATA_INVALID` for another number of them, or a long one */
export function labelsOf(
  backbone: BackboneProfile,
  dataset: Dataset,
  given: readonly string[] | null,
): readonly string[] {
  const { classes } = backbone.output;
  const labels = given ?? dataset.classNames ?? Array.from({ length: classes }, (_, i) => String(i));
  if (labels.length !== classes) {
    throw new OfframpError(
      given ? 'CONFIG_INVALID' : 'DATA_INVALID',
      `${given ? '--labels' : dataset.description}: expected ${classes} labels, one per class of the model; found ${labels.length}`,
      {
        hint: given
          ? "The file has one label per line, in the model's order."
          : "Give the model's classes with --labels. If the data's folders or labels are none of them, leave them out: --unlabelled.",
      },
    );
  }
  const long = labels.find((label) => label.length > maxLabelLength);
  if (long !== undefined) {
    throw new OfframpError(
      given ? 'CONFIG_INVALID' : 'DATA_INVALID',
      `${given ? '--labels' : dataset.description}: expected labels of at most ${maxLabelLength} characters; found ${quoted(long)} of ${long.length}`,
    );
  }
  return labels;
}

export interface SplitData {
  training: Dataset;
  heldOut: Dataset;
  /** Held-out pictures that a trial is judged by; `null` without one. */
  judged: Dataset | null;
}

export function splitData(dataset: Dataset, options: AugmentOptions, withTrial: boolean): SplitData {
  const { training, heldOut } = options.calibration
    ? { training: dataset, heldOut: options.calibration }
    : heldOutOf(dataset, options.holdOut);
  if (!withTrial) return { training, heldOut, judged: null };
  const { judged, rest } = splitForTrial(heldOut.size);
  return { training, heldOut: subsetOf(heldOut, rest), judged: subsetOf(heldOut, judged) };
}

function heldOutOf(dataset: Dataset, holdOut: number): { training: Dataset; heldOut: Dataset } {
  const { training, heldOut } = splitHoldOut(dataset, holdOut);
  return { training: subsetOf(dataset, training), heldOut: subsetOf(dataset, heldOut) };
}

/** @throws OfframpError `DATA_INVALID` for labels of a single class */
export function targetsOf(
  training: Dataset,
  labels: readonly string[],
  targets: AugmentOptions['targets'],
): number[] | null {
  if (!training.labelled && targets === 'backbone') return null;
  const trueLabels = trueLabelsOf(training, labels);
  const [only, ...others] = new Set(trueLabels);
  if (only !== undefined && others.length === 0) {
    throw new OfframpError(
      'DATA_INVALID',
      `${training.description}: expected labels of at least two classes, found only ${labels[only]}`,
      targets === 'backbone' ? { hint: 'With --unlabelled, folders are no classes.' } : {},
    );
  }
  return targets === 'labels' ? trueLabels : null;
}

/** @throws OfframpError `DATA_INVALID` for data without labels, or with others than the model's */
export function trueLabelsOf(dataset: Dataset, labels: readonly string[]): number[] {
  const toLabel = alignLabels(dataset, labels);
  return Array.from({ length: dataset.size }, (_, index) => {
    const label = toLabel(dataset.labelAt(index));
    if (label === null) {
      throw new OfframpError('DATA_INVALID', `${dataset.description}: expected labels, found none`);
    }
    return label;
  });
}
