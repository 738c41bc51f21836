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
  if (!classNames) {
    return (label) => {
      if (label !== null && label >= labels.length) {
        throw new OfframpError(
          'DATA_INVALID',
          `${dataset.description}: expected labels below ${labels.length}, the classes of the model; found ${label}`,
        );
      }
      return label;
    };
  }
  const unknown = classNames.filter((name) => !labels.includes(name));
  if (unknown.length > 0) {
    throw new OfframpError(
      'DATA_INVALID',
      `${dataset.description}: expected classes named ${labels.join(', ')}; found ${unknown.join(', ')}`,
    );
  }
  return (label) => (label === null ? null : labels.indexOf(classNames[label] as string));
}
