const sampleWords = new Set([
  ...['x', 'data', 'input', 'inputs', 'sample', 'samples', 'image', 'images', 'pictures'],
  ...['features', 'signal', 'signals', 'windows', 'spectrograms'],
]);
const labelWords = new Set(['y', 'label', 'labels', 'target', 'targets']);

/**
 * The names of arrays that hold samples: `x_train`, `test_images`, `signals`, NumPy's own `arr_0`; if no name denotes
 * samples, all that do not denote labels.
 */
export function sampleNames(names: readonly string[]): string[] {
  const spoken = names.filter((name) => roleOf(name).role === 'samples');
  return spoken.length > 0 ? spoken : names.filter((name) => roleOf(name).role !== 'labels');
}

/**
 * The labels of an array of samples: the array whose name differs only in that word, such as `y_train` or `labels`;
 * else the only array of labels, if there is only one of samples.
 */
export function labelsNameFor(samples: string, names: readonly string[]): string | null {
  const labels = names.filter((name) => roleOf(name).role === 'labels');
  const own = labels.find((name) => roleOf(name).of === roleOf(samples).of);
  const isOnly = labels.length === 1 && sampleNames(names).length === 1;
  return own ?? (isOnly ? labels[0] : null) ?? null;
}

/** The kind of an array, and the rest of its name, which says which samples it belongs to. */
function roleOf(name: string): { role: 'samples' | 'labels' | null; of: string } {
  if (name === 'arr_0') return { role: 'samples', of: '' };
  if (name === 'arr_1') return { role: 'labels', of: '' };
  const words = name
    .toLowerCase()
    .replace(/^([xy])(?=train|test)/, '$1_')
    .split(/[-_. ]+/);
  const isRole = (word: string) => sampleWords.has(word) || labelWords.has(word);
  const word = words.find(isRole);
  const role = word === undefined ? null : sampleWords.has(word) ? 'samples' : 'labels';
  return { role, of: words.filter((other) => other !== word).join('_') };
}
