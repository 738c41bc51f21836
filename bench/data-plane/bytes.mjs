#!/usr/bin/env node
// Bytes per offloaded sample by stage and codec, with the agreement that each keeps:
// `npm run build && node bench/data-plane/bytes.mjs --calibration DIR --hold-out 4000 > bench/data-plane/bytes.md`,
// where DIR holds the pictures that the bundle was made from. Without --calibration, the bundle's own codecs are measured.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { calibrateBundle, splitHoldOut } from '@offramp/augment';
import {
  Bundle,
  checkTensor,
  codecs,
  elementsOf,
  encodeTensor,
  formatShape,
  InferencePool,
  preferredCodecs,
  runStage,
  stageLayout,
  uint8,
  uint8Deflated,
} from '@offramp/bundle';
import { leaves, neverExit } from '@offramp/contracts';
import { fitPicture, openDataset, pictureChannels, preprocess, subsetOf } from '@offramp/data';
import sharp from 'sharp';

const example = (path) => fileURLToPath(new URL(`../../examples/fashion-mnist/${path}`, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    bundle: { type: 'string', default: example('bundle') },
    data: { type: 'string', default: example('data') },
    limit: { type: 'string', default: '10000' },
    calibration: { type: 'string' },
    'hold-out': { type: 'string', default: '5000' },
  },
});
const batchSize = 64;
const temporary = [];

const bundle = await openBundle();
const { manifest, branches } = bundle;
const { input, stages, policy } = manifest;
const { thresholds } = policy;
const channels = pictureChannels(input);
const dataset = await openDataset(flags.data, { split: 'test', channels });
const samples = Math.min(dataset.size, Number(flags.limit));
const pool = await InferencePool.create(bundle);

const { outcomes, offloaded, inputs } = await runAll();
const labelOf = (sample) => outcomes[sample][branches].label;
const cascadeAgreement =
  outcomes.filter((exits, sample) => exits[exitOf(exits, 0)].label === labelOf(sample)).length / samples;

console.log(`# Bytes per offloaded sample, and agreement

\`${manifest.name}\`, ${samples} test pictures, the bundle's thresholds; without loss in transfer the cascade's agreement is
${percent(cascadeAgreement, 2)}. *Agreement* is that of all pictures when the offloaded ones are sent in this codec; *points* is
the difference. Times are medians per sample, encoding + decoding, in one run.
`);
await inputTable();
for (let stage = 1; stage <= branches; stage++) await boundaryTable(stage);
console.log(`**Chosen** is the result of calibration on ${
  flags.calibration === undefined ? 'the held-out pictures' : `${flags['hold-out']} held-out pictures`
}: the fewest bytes with a loss of at most 0.1 point there. *int4* and *int8* map each channel's
range to all codes. The chosen ones use one step for all channels, in units of the sample's root mean square. Wanted: at most 12.5 % of
float32 at a loss of at most 0.1 point.`);
await pool.close();
for (const folder of temporary) await rm(folder, { recursive: true });

async function openBundle() {
  if (flags.calibration === undefined) return Bundle.open(flags.bundle);
  const folder = await mkdtemp(join(tmpdir(), 'offramp-bytes-'));
  const directory = join(folder, 'bundle');
  await cp(flags.bundle, directory, { recursive: true });
  const { shape } = (await Bundle.open(directory)).manifest.input;
  const all = await openDataset(flags.calibration, { split: 'train', channels: shape[0] });
  const heldOut = subsetOf(all, splitHoldOut(all, Number(flags['hold-out'])).heldOut);
  const progress = { step: () => {}, advance: () => {} };
  const calibrated = await calibrateBundle(directory, heldOut, { progress, threads: 2 });
  temporary.push(folder);
  return calibrated;
}

/** Outcomes of all exits on all pictures, and the activations of offloaded pictures, by stage. */
async function runAll() {
  const found = { outcomes: [], offloaded: stages.map(() => []), inputs: [] };
  for (let start = 0; start < samples; start += batchSize) {
    const count = Math.min(batchSize, samples - start);
    const pictures = await Promise.all(Array.from({ length: count }, (_, i) => dataset.read(start + i)));
    const values = await Promise.all(pictures.map(({ picture }) => preprocess(picture, input)));
    const batch = Array.from({ length: count }, () => ({ thresholds: neverExit(branches), passed: [] }));
    let activation = concatenate(values);
    const activations = [];
    for (let stage = 0; stage <= branches; stage++) {
      if (stage > 0) activations[stage] = activation.slice();
      const step = await runStage(pool, stage, batch, activation);
      for (const { sample, outcome } of step.answered) sample.passed.push(outcome);
      activation = step.activation;
    }
    batch.forEach(({ passed }, row) => {
      const sample = start + row;
      found.outcomes.push(passed);
      const left = exitOf(passed, 0);
      for (let stage = 1; stage <= Math.min(left, branches); stage++) {
        const width = elementsOf(stages[stage].inputShape);
        found.offloaded[stage].push({
          sample,
          values: activations[stage].slice(row * width, (row + 1) * width),
        });
      }
      if (left >= manifest.deviceStages) {
        found.inputs.push({ sample, values: values[row], picture: pictures[row].picture });
      }
    });
  }
  return found;
}

async function inputTable() {
  const { shape } = input;
  const rows = [['float32', elementsOf(shape) * 4, null]];
  for (const codec of [uint8, uint8Deflated]) {
    const bytes = inputs.map(({ values }) => encodeTensor(codec, { shape, input }, values).data.byteLength);
    rows.push([codec.name, mean(bytes), times(codec, {}, inputs, { shape, input })]);
  }
  const pngs = await Promise.all(
    inputs.slice(0, 1_000).map(async ({ picture }) => {
      const { pixels, height, width } = await fitPicture(picture, input);
      const image = sharp(pixels, { raw: { width, height, channels } });
      const coloured = channels === 1 ? image.toColourspace('b-w') : image;
      return (await coloured.png({ compressionLevel: 9 }).toBuffer()).length;
    }),
  );
  rows.push(['a PNG file', mean(pngs), null]);
  console.log(`## The preprocessed input, ${formatShape(shape)}, of the ${inputs.length} pictures that are offloaded by default

| sent as | bytes | µs |
|---|---|---|
${rows.map(([name, bytes, time]) => `| ${name} | ${integer(bytes)} | ${time === null ? '' : `${time.encode} + ${time.decode}`} |`).join('\n')}

All are exact.
`);
}

async function boundaryTable(stage) {
  const layout = stageLayout(manifest, stage);
  const { shape } = layout;
  const rows = offloaded[stage];
  const [chosen] = preferredCodecs(manifest, stage);
  const tried = [
    ...codecs
      .filter(
        ({ name }) => !/^(uint8|learned)/.test(name) && (layout.precision || !name.startsWith('model8')),
      )
      .map((codec) => ({ codec, quantiser: {} })),
    { ...chosen, isChosen: true },
  ];
  const isDefault = stage === manifest.deviceStages ? ', the default' : '';
  console.log(`## ${stage} stage${stage === 1 ? '' : 's'} on the device${isDefault}: ${formatShape(shape)}, ${rows.length} offloaded

| codec | bytes | of float32 | agreement | points | µs |
|---|---|---|---|---|---|`);
  for (const { codec, quantiser, isChosen } of tried) {
    const { bytes, agreement } = await send(codec, quantiser, rows, stage);
    const { encode, decode } = times(codec, quantiser, rows, layout);
    const step = quantiser.step === undefined ? '' : `, step ${quantiser.step}`;
    const points = (agreement - cascadeAgreement) * 100;
    console.log(
      `| ${isChosen ? `**chosen: ${codec.name}${step}**` : codec.name} | ${integer(bytes)} | ${percent(
        bytes / (4 * elementsOf(shape)),
      )} | ${percent(agreement, 2)} | ${points > 0 ? '+' : ''}${points.toFixed(2)} | ${encode} + ${decode} |`,
    );
  }
  console.log('');
}

/** Sends samples, and runs the rest of the cascade on what arrives. */
async function send(codec, quantiser, rows, stage) {
  const layout = stageLayout(manifest, stage);
  const width = elementsOf(layout.shape);
  let bytes = 0;
  let agreed = outcomes.filter((exits, sample) => {
    const left = exitOf(exits, 0);
    return left < stage && exits[left].label === labelOf(sample);
  }).length;
  for (let start = 0; start < rows.length; start += batchSize) {
    let batch = rows.slice(start, start + batchSize).map((row) => ({ ...row, thresholds, passed: [] }));
    let activation = new Float32Array(batch.length * width);
    batch.forEach(({ values }, i) => {
      const tensor = encodeTensor(codec, layout, values, quantiser);
      bytes += tensor.data.byteLength;
      checkTensor('activation', layout, tensor).decodeInto(activation.subarray(i * width, (i + 1) * width));
    });
    for (let at = stage; batch.length > 0; at++) {
      const step = await runStage(pool, at, batch, activation);
      for (const { sample, outcome } of step.answered) {
        if (outcome.label === labelOf(sample.sample)) agreed++;
      }
      batch = step.staying;
      activation = step.activation;
    }
  }
  return { bytes: bytes / rows.length, agreement: agreed / samples };
}

/** Medians, in microseconds. */
function times(codec, quantiser, rows, layout) {
  const into = new Float32Array(elementsOf(layout.shape));
  const encode = [];
  const decode = [];
  for (const { values } of [...rows.slice(0, 50), ...rows.slice(0, 300)]) {
    const begun = performance.now();
    const tensor = encodeTensor(codec, layout, values, quantiser);
    const encoded = performance.now();
    checkTensor('activation', layout, tensor).decodeInto(into);
    encode.push(encoded - begun);
    decode.push(performance.now() - encoded);
  }
  const median = (list) => integer(list.slice(50).sort((a, b) => a - b)[(list.length - 50) >> 1] * 1_000);
  return { encode: median(encode), decode: median(decode) };
}

/** The exit of a sample that enters at a stage. */
function exitOf(exits, stage) {
  let exit = stage;
  while (exit < branches && !leaves(exits[exit].confidence, thresholds[exit])) exit++;
  return exit;
}

function concatenate(arrays) {
  const whole = new Float32Array(arrays.length * arrays[0].length);
  arrays.forEach((array, i) => {
    whole.set(array, i * array.length);
  });
  return whole;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function integer(value) {
  return Math.round(value).toLocaleString('en-US');
}

function percent(share, digits = 1) {
  return `${(share * 100).toFixed(digits)} %`;
}
