import { join } from 'node:path';
import { Bundle, readBundleContents, writeBundle } from '@offramp/bundle';
import { propertyNames, unreadableNames } from '@offramp/runtime/testing';
import { bundlePath } from './example.js';

/** Labels that are hard to read or names of properties, as many as the example's model has classes. */
export const outsideLabels: readonly string[] = [
  ...propertyNames,
  ...[...unreadableNames.values()].filter((name) => name.length < 100),
];

/** The example's bundle with such names wherever a manifest may have them. */
export async function writeNamedBundle(folder: string): Promise<Bundle> {
  const contents = await readBundleContents(await Bundle.open(bundlePath));
  const { backbone, provenance, stages } = contents;
  const text = outsideLabels.join(' ');
  const options = Object.fromEntries(outsideLabels.map((key) => [key, key]));
  return writeBundle(join(folder, 'named'), {
    ...{ ...contents, name: text, labels: [...outsideLabels], backbone: { ...backbone, file: text } },
    stages: stages.map((stage) => ({
      ...stage,
      branch: stage.branch && { ...stage.branch, cutPoint: text },
    })),
    provenance: { ...provenance, data: text, options },
  });
}
