// Outcomes of all exits of a bundle on recorded pictures, unchanged and with a shifted input distribution.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { evaluateBundle } from '@offramp/augment';
import { openDataset } from '@offramp/data';
import { randomFrom } from './random.mjs';

const noiseStandardDeviation = 25;
const blurRadius = 1;
const darkness = 0.35;

/**
 * Calibration tables by name. All use the first pictures of the data set.
 * @param file where they are kept between runs; omitted: not kept
 */
export async function exitTables(bundle, path, { pictures, driftPictures, file }) {
  const asked = { digest: bundle.digest, pictures, driftPictures };
  if (file && existsSync(file)) {
    const { tables, ...kept } = JSON.parse(readFileSync(file, 'utf8'));
    if (JSON.stringify(kept) === JSON.stringify(asked)) return tables;
  }
  const channels = bundle.manifest.input.shape[0] === 1 ? 1 : 3;
  const dataset = await openDataset(path, { split: 'test', channels });
  const record = (set, limit) => evaluateBundle(bundle, set, { limit, threads: 1 });
  const tables = { clean: await record(dataset, pictures) };
  for (const [name, change] of Object.entries(changes)) {
    tables[name] = await record(changed(dataset, change), driftPictures);
  }
  tables.mix = classMix(tables.clean, dataset);
  if (file) writeFileSync(file, JSON.stringify({ ...asked, tables }));
  return tables;
}

/** A table of the chosen rows, as `evaluateThresholds` takes it. */
export function rowsOf(table, rows) {
  const pick = (bits) => rows.map((row) => bits[row]).join('');
  return {
    samples: rows.length,
    branches: table.branches.map(({ confidence, agrees }) => ({
      confidence: rows.map((row) => confidence[row]),
      agrees: pick(agrees),
    })),
    correct: table.correct?.map(pick) ?? null,
  };
}

const changes = {
  noise: (samples, _, random) =>
    samples.map((value) => clamp(value + noiseStandardDeviation * random.normal())),
  blur: (samples, { width, height, channels }) =>
    samples.map((_, i) => {
      const channel = i % channels;
      const x = Math.floor(i / channels) % width;
      const y = Math.floor(i / channels / width);
      let sum = 0;
      let count = 0;
      for (let v = Math.max(0, y - blurRadius); v <= Math.min(height - 1, y + blurRadius); v++) {
        for (let u = Math.max(0, x - blurRadius); u <= Math.min(width - 1, x + blurRadius); u++) {
          sum += samples[(v * width + u) * channels + channel];
          count++;
        }
      }
      return clamp(sum / count);
    }),
  dark: (samples) => samples.map((value) => clamp(value * darkness)),
  // A covered lens: nothing but the sensor's noise.
  blind: (samples, _, random) => samples.map(() => clamp(10 + 5 * random.normal())),
};

function changed(dataset, change) {
  return {
    ...dataset,
    size: dataset.size,
    labelled: dataset.labelled,
    classNames: dataset.classNames,
    labelAt: (index) => dataset.labelAt(index),
    nameAt: (index) => dataset.nameAt(index),
    async read(index) {
      const sample = await dataset.read(index);
      const { picture } = sample;
      const pixels = change(picture.pixels, picture, randomFrom(index + 1));
      return { ...sample, picture: { ...picture, pixels } };
    },
  };
}

/** Three samples in four are of the class on which the exits agree least. */
function classMix(table, dataset) {
  const rows = Array.from({ length: table.samples }, (_, row) => row);
  const classes = [...new Set(rows.map((row) => dataset.labelAt(row)))];
  const first = table.branches[0];
  const agreement = (label) => {
    const ofClass = rows.filter((row) => dataset.labelAt(row) === label);
    return ofClass.filter((row) => first.agrees[row] === '1').length / ofClass.length;
  };
  const hardest = classes.sort((a, b) => agreement(a) - agreement(b))[0];
  const hard = rows.filter((row) => dataset.labelAt(row) === hardest);
  const others = rows.filter((row) => dataset.labelAt(row) !== hardest).slice(0, Math.floor(hard.length / 3));
  return rowsOf(table, [...hard, ...others]);
}

function clamp(value) {
  return Math.max(0, Math.min(255, Math.round(value)));
}
