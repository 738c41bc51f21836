const pictureWords = new Set(['x', 'image', 'images', 'pictures', 'data']);
const labelWords = new Set(['y', 'label', 'labels', 'target', 'targets']);

/**
 * The names of arrays that hold pictures: `x_train`, `test_images`, `images`, NumPy's own `arr_0`; if no name denotes
 * pictures, all that do not denote labels.
 */
export function pictureNames(names: readonly string[]): string[] {
  const spoken = names.filter((name) => roleOf(name).role === 'pictures');
  return spoken.length > 0 ? spoken : names.filter((name) => roleOf(name).role !== 'labels');
}

/**
 * The labels of an array of pictures: the array whose name differs only in that word, such as `y_train` or `labels`;
 * else the only array of labels, if there is only one of pictures.
 */
export function labelsNameFor(pictures: string, names: readonly string[]): string | null {
  const labels = names.filter((name) => roleOf(name).role === 'labels');
  const own = labels.find((name) => roleOf(name).of === roleOf(pictures).of);
  const isOnly = labels.length === 1 && pictureNames(names).length === 1;
  return own ?? (isOnly ? labels[0] : null) ?? null;
}

/** The kind of an array, and the rest of its name, which says which pictures it belongs to. */
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
