import { OfframpError } from '@offramp/runtime';
import type { Dataset } from './dataset.js';

const shownNames = 10;
const withoutLabelsHint = 'If the labels are of something else, leave them out: --unlabelled.';

function listed(names: readonly string[]): string {
  const left = names.length - shownNames;
  return `${names.slice(0, shownNames).join(', ')}${left > 0 ? `, and ${left} more` : ''}`;
}

/**
 * Maps a data set's labels to a bundle's: by class name if the data carry names, else unchanged.
 * @param labels the bundle's, by index
 * @returns maps a data set's label to a bundle's
 * @throws OfframpError `DATA_INVALID` for classes that the bundle does not have
 */
export function alignLabels(
  dataset: Dataset,
  labels: readonly string[],
): (label: number | null) => number | null {
  const { classNames } = dataset;
  const check = (label: number, classes: readonly string[], whose: string) => {
    if (label < classes.length) return label;
    throw new OfframpError(
      'DATA_INVALID',
      `${dataset.description}: expected labels below ${classes.length}, the classes of the ${whose}; found ${label}`,
      { hint: withoutLabelsHint },
    );
  };
  if (!classNames) return (label) => (label === null ? null : check(label, labels, 'model'));
  const unknown = classNames.filter((name) => !labels.includes(name));
  if (unknown.length > 0) {
    throw new OfframpError(
      'DATA_INVALID',
      `${dataset.description}: expected classes named ${listed(labels)}; found ${listed(unknown)}`,
      { hint: withoutLabelsHint },
    );
  }
  return (label) =>
    label === null ? null : labels.indexOf(classNames[check(label, classNames, 'data')] as string);
}
