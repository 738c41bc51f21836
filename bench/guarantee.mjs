#!/usr/bin/env node
// How often chosen thresholds miss the agreement they were chosen for:
// `npm run build && node bench/guarantee.mjs > bench/guarantee.md`. Prints Markdown.
// Outcomes of a bundle's exits on pictures not used in training are recorded once. Over seeded random splits, thresholds are
// chosen on one half and agreement is counted on the other.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { evaluateBundle } from '@offramp/augment';
import { Bundle, evaluateThresholds, exitCosts } from '@offramp/bundle';
import { openDataset } from '@offramp/data';
import { chooseThresholds } from '../augment/dist/calibrate/choose-thresholds.js';
import { seededPermutation } from '../augment/dist/support/random.js';

const example = (path) => fileURLToPath(new URL(`../examples/fashion-mnist/${path}`, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    bundle: { type: 'string', default: example('bundle') },
    data: { type: 'string', default: example('data') },
    splits: { type: 'string', default: '2000' },
    delta: { type: 'string', default: '0.05' },
  },
});
const splits = Number(flags.splits);
const delta = Number(flags.delta);

const bundle = await Bundle.open(flags.bundle);
const channels = bundle.manifest.input.shape[0] === 1 ? 1 : 3;
const pictures = await openDataset(flags.data, { split: 'test', channels });
const recorded = await evaluateBundle(bundle, pictures, { threads: 2 });
const costs = exitCosts(bundle.manifest);

console.log(`# How often thresholds miss the wanted agreement

${bundle.branches} branches of \`${bundle.manifest.name}\`, ${recorded.samples} pictures, random splits into halves, δ = ${delta}. *Missed*: the agreement
on the other half is below the wanted one. That half has its own noise; *missed on all* is for both halves together.

| search | agreement wanted | splits | missed | missed on all | mean agreement | mean cost |
|---|---|---|---|---|---|---|`);
for (const search of ['shared', 'joint']) {
  for (const agreement of [0.97, 0.98, 0.99]) {
    // The joint search takes a second for each.
    const count = search === 'joint' ? Math.ceil(splits / 50) : splits;
    const found = Array.from({ length: count }, (_, seed) => play(seed, agreement, search));
    const share = (of) => percent(mean(found.map(of)));
    console.log(
      `| ${search} | ${percent(agreement, 0)} | ${count} | ${share(({ other }) => Number(other.agreement < agreement))} | ${share(
        ({ all }) => Number(all.agreement < agreement),
      )} | ${percent(mean(found.map(({ other }) => other.agreement)), 2)} | ${share(({ other }) => other.cost)} |`,
    );
  }
}
console.log(`
*shared* is what \`offramp augment\` does: one threshold for all branches, by fixed-sequence testing. *joint* searches
branch by branch under the same bound, and so uses δ many times. With only 200 splits, 5 % can be measured as 2 % or
8 %, so 2,000 are used.`);

function play(seed, agreement, search) {
  const order = seededPermutation(recorded.samples, seed);
  const half = Math.floor(recorded.samples / 2);
  const { thresholds } = chooseThresholds(
    part(order.slice(0, half)),
    costs,
    { agreement, delta },
    { search },
  );
  return {
    other: evaluateThresholds(part(order.slice(half)), thresholds, costs),
    all: evaluateThresholds(recorded, thresholds, costs),
  };
}

function part(rows) {
  const indices = [...rows];
  return {
    samples: indices.length,
    correct: null,
    branches: recorded.branches.map(({ confidence, agrees }) => ({
      confidence: indices.map((row) => confidence[row]),
      agrees: indices.map((row) => agrees[row]).join(''),
    })),
  };
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(share, digits = 1) {
  return `${(share * 100).toFixed(digits)} %`;
}
