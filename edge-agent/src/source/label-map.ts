/** Translates a data set's labels into a bundle's; `null` for one the bundle does not have. */
export type LabelMap = (label: number | null) => number | null;

/**
 * By name, where the data carry class names that the bundle knows: folders come in the order of the
 * alphabet, whatever order the model was trained with. Else by index, where the data have no names, or
 * as many classes as the bundle. `null` where the two have nothing to do with each other.
 */
export function mapLabels(classNames: readonly string[] | null, labels: readonly string[]): LabelMap | null {
  if (classNames?.some((name) => labels.includes(name))) {
    const indices = classNames.map((name) => labels.indexOf(name));
    return (label) => known(indices[label ?? -1] ?? -1);
  }
  if (classNames && classNames.length !== labels.length) return null;
  return (label) => known(label !== null && label < labels.length ? label : -1);
}

const known = (index: number) => (index < 0 ? null : index);
