const pictureWords = new Set(['x', 'image', 'images', 'pictures', 'data']);
const labelWords = new Set(['y', 'label', 'labels', 'target', 'targets']);

/**
 * Of the names of arrays, those that are pictures: `x_train`, `test_images`, `images`, NumPy's own `arr_0`; where
 * no name speaks of pictures, all that do not speak of labels.
 */
export function pictureNames(names: readonly string[]): string[] {
  const spoken = names.filter((name) => roleOf(name).role === 'pictures');
  return spoken.length > 0 ? spoken : names.filter((name) => roleOf(name).role !== 'labels');
}

/**
 * The labels of an array of pictures: the array whose name is the same but for the word, such as `y_train` or
 * `labels`; else the only array of labels, where there is only one of pictures.
 */
export function labelsNameFor(pictures: string, names: readonly string[]): string | null {
  const labels = names.filter((name) => roleOf(name).role === 'labels');
  const own = labels.find((name) => roleOf(name).of === roleOf(pictures).of);
  const isOnly = labels.length === 1 && pictureNames(names).length === 1;
  return own ?? (isOnly ? labels[0] : null) ?? null;
}

/** What an array is, and the rest of its name, which says of what. */
function roleOf(name: string): { role: 'pictures' | 'labels' | null; of: string } {
  if (name === 'arr_0') return { role: 'pictures', of: '' };
  if (name === 'arr_1') return { role: 'labels', of: '' };
  const words = name
    .toLowerCase()
    .replace(/^([xy])(?=train|test)/, '$1_')
    .split(/[-_. ]+/);
  const isRole = (word: string) => pictureWords.has(word) || labelWords.has(word);
  const word = words.find(isRole);
  const role = word === undefined ? null : pictureWords.has(word) ? 'pictures' : 'labels';
  return { role, of: words.filter((other) => other !== word).join('_') };
}
