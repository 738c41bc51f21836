export type Split = 'train' | 'test';

const namesOf: Readonly<Record<Split, RegExp>> = {
  train: /(^|[-_. ])[xy]?(train|data_batch)/i,
  test: /(^|[-_. ])[xy]?(test|t10k)/i,
};

/** The names of files or arrays that denote the split, if any of them denotes one; else all. */
export function narrowToSplit(names: readonly string[], split: Split): string[] {
  const named = names.filter((name) => namesOf.train.test(name) || namesOf.test.test(name));
  return named.length === 0 ? [...names] : named.filter((name) => namesOf[split].test(name));
}
