import { OfframpError } from '../errors.js';
import type { Dataset } from './dataset.js';

/**
 * How a data set's labels read in a bundle's: by class name where the data carry names, else as they are.
 * @param labels the bundle's, by index
 * @returns turns a data set's label into a bundle's
 * @throws OfframpError `DATA_INVALID` for classes that the bundle does not know
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
    );
  };
  if (!classNames) return (label) => (label === null ? null : check(label, labels, 'model'));
  const unknown = classNames.filter((name) => !labels.includes(name));
  if (unknown.length > 0) {
    throw new OfframpError(
      'DATA_INVALID',
      `${dataset.description}: expected classes named ${labels.join(', ')}; found ${unknown.join(', ')}`,
    );
  }
  return (label) =>
    label === null ? null : labels.indexOf(classNames[check(label, classNames, 'data')] as string);
}
