#!/usr/bin/env node
// Whether the tuner keeps its guarantees, in simulated groups:
// `npm run build && node bench/fleet/tuner.mjs > bench/fleet/tuner.md`. Prints Markdown.
// Every exit of a bundle runs once on pictures not used in training: unchanged, noisy, blurred, dark, and with another mix of
// classes. Samples of a simulated group are drawn from these outcomes, with replacement; the tuner sees only what devices would
// report.
import { parseArgs } from 'node:util';
import { binStarts } from '@offramp/contracts';
import { explain } from '../../controller/dist/decide/tuner/index.js';
import { rowsOf } from './support/exit-tables.mjs';
import { agreement, fleetOptions, mean, openFleetBench, percent, range } from './support/fleet-bench.mjs';
import { goalCases } from './support/goal-cases.mjs';
import { bestOfAll, bestOnPath } from './support/hindsight.mjs';
import { randomFrom } from './support/random.mjs';
import { simulateDevices } from './support/simulate-devices.mjs';
import { inputsOf, simulateGroup, trafficOf, truthOf } from './support/simulate-group.mjs';

const { values: flags } = parseArgs({ options: fleetOptions });
const runs = Number(flags.runs);
const fewerRuns = Math.min(20, runs);
const { floor } = agreement;
const { bundle, calibration, tables, costs, facts, inputs, path, inputDistributions } =
  await openFleetBench(flags);
const { manifest, branches } = bundle;
const { clean } = inputDistributions;
const starts = {
  'too low (0.5)': { thresholds: range(branches).map(() => 0.5), auditRate: 0.02 },
  'too high (no early exits)': { thresholds: range(branches).map(() => 2), auditRate: 0.02 },
};

console.log(`# Goals, drift and limits of the tuner

${branches} branches of \`${manifest.name}\`, ${manifest.deviceStages} stages on devices, ${tables.clean.samples} pictures, calibration table of ${calibration.samples} others. A window is 100
samples; a policy takes effect in the next window. *Met*: current thresholds agree on at least the wanted share of **all** recorded pictures.

## Goal: agreement ≥ ${percent(floor, 0)}, wrong initial thresholds, 5,000 samples
`);
goalTable();
console.log(`
*Best on the path* is the cheapest of the tuner's own candidates in hindsight, *best of all* the cheapest vector of bin edges from a
search over one or two thresholds at a time. Both know all recorded pictures. *Audits once steady*: extra runs to the final exit as a
share of samples, in windows after the first 1,000 samples.

## With other calibration tables
`);
splitTable();
console.log(`
The table is one random half of the recorded pictures, traffic the other half. The guarantee covers the choice of the table as well as
traffic, and the bundle has only one table.

## No drift
`);
quietTable();
console.log(`
*In step*: ten devices see the same picture at the same time, so ten samples are worth one.

## Drift, from one sample to the next
`);
driftTable();
console.log(`
The distribution changes after sample 3,000; runs end 7,000 samples later. *Below the floor*: samples from there until thresholds meet the goal
to the end of the run. *Cost*: at the end, against the best candidate in hindsight for these pictures. *Wrong at 5 %*: confidences stay
the same and one in twenty answers becomes wrong, which only audits detect.

## Other goals
`);
otherGoals();
console.log(`
Samples 3,000 to 6,000 (the second minute): the effect of current thresholds on all recorded pictures, for
the mean and the worst of the thresholds. Exits in the cloud take longer and cost workers' time, in an assumed proportion to their cost.

## One blind camera among ten
`);
blindCamera();
console.log(`
## Output of \`explain\` after 5,000 samples

${explain(
  [agreement],
  simulateGroup(inputs, {
    seed: 0,
    start: starts['too low (0.5)'],
    samples: 5_000,
    trafficAt: () => clean,
  }).windows.at(-1).decision,
)
  .map((line) => `> ${line}`)
  .join('\n')}`);

function goalTable() {
  const path98 = bestOnPath(clean, path, costs, floor);
  const all = bestOfAll(clean, path, binStarts, costs, floor);
  console.log(
    '| start | runs | met after 5,000 | last sample below | agreement, worst and mean | cost | over best on the path, worst and mean | over best of all, worst and mean | audits once steady, mean | policies |\n|---|---|---|---|---|---|---|---|---|---|',
  );
  for (const [name, start] of Object.entries(starts)) {
    const found = range(runs).map((seed) => {
      const { windows, policy } = simulateGroup(inputs, {
        seed,
        start,
        samples: 5_000,
        trafficAt: () => clean,
      });
      const lastBelow = windows.findLast(({ truth }) => truth.agreement < floor)?.samples ?? 0;
      return {
        ...truthOf(clean, policy.thresholds, costs),
        lastBelow,
        audits: mean(windows.filter(({ samples }) => samples > 1_000).map(({ auditShare }) => auditShare)),
        policies: windows.filter(({ decision }) => decision.changed).length,
      };
    });
    const over = (best) => found.map(({ cost }) => cost / best.cost - 1);
    console.log(
      `| ${name} | ${runs} | ${found.filter((run) => run.agreement >= floor).length} | ${Math.max(...found.map((run) => run.lastBelow))} | ${percent(Math.min(...found.map((run) => run.agreement)), 2)}, ${percent(mean(found.map((run) => run.agreement)), 2)} | ${percent(mean(found.map(({ cost }) => cost)))} | ${percent(Math.max(...over(path98)))}, ${percent(mean(over(path98)))} | ${percent(Math.max(...over(all)))}, ${percent(mean(over(all)))} | ${percent(mean(found.map(({ audits }) => audits)), 2)} | ${mean(found.map(({ policies }) => policies)).toFixed(1)} |`,
    );
  }
  console.log(`\nBest on the path: ${percent(path98.cost)}; best of all: ${percent(all.cost)}.`);
}

function splitTable() {
  const found = range(runs).map((seed) => {
    const random = randomFrom(1_000 + seed);
    const order = range(tables.clean.samples)
      .map((row) => [random.uniform(), row])
      .sort(([a], [b]) => a - b)
      .map(([, row]) => row);
    const half = order.length / 2;
    const other = trafficOf(rowsOf(tables.clean, order.slice(half)));
    const split = inputsOf({ facts, goals: [agreement] }, rowsOf(tables.clean, order.slice(0, half)));
    const { policy } = simulateGroup(split, {
      seed,
      start: starts['too low (0.5)'],
      samples: 5_000,
      trafficAt: () => other,
    });
    const best = bestOnPath(other, path, costs, floor);
    return {
      other: truthOf(other, policy.thresholds, costs),
      all: truthOf(clean, policy.thresholds, costs),
      over: truthOf(other, policy.thresholds, costs).cost / best.cost - 1,
    };
  });
  console.log(
    '| splits | met on traffic | met on all pictures | mean agreement | cost over best on the path, mean and worst |\n|---|---|---|---|---|',
  );
  console.log(
    `| ${runs} | ${found.filter(({ other }) => other.agreement >= floor).length} | ${found.filter(({ all }) => all.agreement >= floor).length} | ${percent(mean(found.map(({ other }) => other.agreement)), 2)} | ${percent(mean(found.map(({ over }) => over)))}, ${percent(Math.max(...found.map(({ over }) => over)))} |`,
  );
}

function quietTable() {
  const alone = ({ decision, policy }) =>
    decision.changed && decision.thresholds.join() === policy.thresholds.join();
  const kinds = {
    independent: () => () => clean,
    'ten devices in step': (seed) => {
      const random = randomFrom(seed);
      const shown = range(2_000).map(() => ({
        table: clean.table,
        rows: [clean.rows[random.integer(clean.rows.length)]],
      }));
      return (sample) => shown[Math.floor(sample / 10)];
    },
  };
  console.log(
    '| samples | runs of 20,000 | alarms | audits | windows below the floor | policies per 1,000 samples | of these for the audit rate alone |\n|---|---|---|---|---|---|---|',
  );
  for (const [kind, trafficAtOf] of Object.entries(kinds)) {
    const found = range(fewerRuns).map(
      (seed) =>
        simulateGroup(inputs, {
          seed: 500 + seed,
          start: starts['too low (0.5)'],
          samples: 20_000,
          trafficAt: trafficAtOf(900 + seed),
        }).windows,
    );
    const steady = found.flatMap((windows) => windows.filter(({ samples }) => samples > 1_000));
    const perThousand = (which) => ((1_000 * steady.filter(which).length) / (100 * steady.length)).toFixed(2);
    console.log(
      `| ${kind} | ${fewerRuns} | ${found.flat().filter(({ decision }) => decision.drift).length} | ${percent(mean(steady.map(({ auditShare }) => auditShare)), 2)} | ${percent(mean(steady.map(({ truth }) => Number(truth.agreement < floor))))} | ${perThousand(({ decision }) => decision.changed)} | ${perThousand(alone)} |`,
    );
  }
}

function driftTable() {
  const lying = randomFrom(77);
  const wrong = trafficOf({
    ...tables.clean,
    branches: flipped(tables.clean, () => lying.uniform() < 0.05),
  });
  const cases = {
    noise: inputDistributions.noise,
    blur: inputDistributions.blur,
    dark: inputDistributions.dark,
    'classes 3 : 1': inputDistributions.mix,
    'wrong at 5 %': wrong,
  };
  const before = path.thresholdsAt(path.positionOf(bestOnPath(clean, path, costs, 0.982).thresholds));
  console.log(
    '| drift | agreement before, after | runs | found after, mean and worst | by | below the floor, mean and worst | met at the end | cost | audits in the last 1,000 |\n|---|---|---|---|---|---|---|---|---|',
  );
  for (const [name, traffic] of Object.entries(cases)) {
    const best = bestOnPath(traffic, path, costs, floor);
    const found = range(fewerRuns).map((seed) => {
      const { windows, policy } = simulateGroup(inputs, {
        seed,
        start: { thresholds: before, auditRate: 0.015 },
        samples: 10_000,
        trafficAt: (sample) => (sample < 3_000 ? clean : traffic),
      });
      const first = windows.find(({ samples, decision }) => samples > 3_000 && decision.drift);
      const after = windows.filter(({ samples }) => samples > 3_000);
      return {
        found: first ? first.samples - 3_000 : Number.POSITIVE_INFINITY,
        by: first?.decision.drift.kind ?? 'nothing',
        below: 100 * (after.findLastIndex(({ truth }) => truth.agreement < floor) + 1),
        end: truthOf(traffic, policy.thresholds, costs),
        audits: mean(windows.slice(-10).map(({ auditShare }) => auditShare)),
      };
    });
    const kinds = [...new Set(found.map(({ by }) => by))].map(
      (kind) => `${found.filter(({ by }) => by === kind).length} ${kind}`,
    );
    const list = (of) => {
      const known = found.map(of).filter(Number.isFinite);
      return known.length === 0
        ? 'never'
        : `${Math.round(mean(known))}, ${known.length < found.length ? 'never' : Math.max(...known)}`;
    };
    const agreements = [clean, traffic].map((each) => percent(truthOf(each, before, costs).agreement));
    console.log(
      `| ${name} | ${agreements.join(', ')} | ${fewerRuns} | ${list((run) => run.found)} | ${kinds.join(', ')} | ${list((run) => run.below)} | ${found.filter(({ end }) => end.agreement >= floor).length} | ${percent(mean(found.map(({ end }) => end.cost)))}, best ${percent(best.cost)} | ${percent(mean(found.map(({ audits }) => audits)))} |`,
    );
  }
}

/** The branches of a table, with some agreements turned into disagreements at all exits of a sample. */
function flipped({ samples, branches: old }, turns) {
  const turned = range(samples).map(turns);
  return old.map(({ confidence, agrees }) => ({
    confidence,
    agrees: [...agrees].map((bit, row) => (turned[row] ? '0' : bit)).join(''),
  }));
}

function otherGoals() {
  console.log('| goal | runs | limit | mean | worst | agreement |\n|---|---|---|---|---|---|');
  for (const { name, goals, of, limit, utilisationOf: load } of goalCases(facts)) {
    const found = range(10).map((seed) => {
      const { windows } = simulateGroup(
        { ...inputs, goals },
        {
          seed,
          start: starts['too high (no early exits)'],
          samples: 6_000,
          trafficAt: () => clean,
          utilisationOf: load,
        },
      );
      const late = windows.filter(({ samples }) => samples > 3_000);
      const values = late.map(({ truth }) => of(truth.exitShares));
      return {
        mean: mean(values),
        worst: Math.max(...values),
        agreement: mean(late.map(({ truth }) => truth.agreement)),
      };
    });
    console.log(
      `| ${name} | 10 | ${percent(limit)} | ${percent(mean(found.map((run) => run.mean)))} | ${percent(Math.max(...found.map((run) => run.worst)))} | ${percent(mean(found.map((run) => run.agreement)))} |`,
    );
  }
}

function blindCamera() {
  const found = range(fewerRuns).map((seed) =>
    simulateDevices(inputs, {
      seed,
      devices: 10,
      perDevice: 10,
      start: { thresholds: bestOnPath(clean, path, costs, 0.982).thresholds, auditRate: 0.015 },
      samples: 10_000,
      trafficOf: (device, done) => (device === 3 && done >= 3_000 ? inputDistributions.blind : clean),
    }),
  );
  const firsts = found.map(
    (windows) => windows.find(({ apart }) => apart.includes(3))?.samples ?? Number.POSITIVE_INFINITY,
  );
  const wronged = found.flat().filter(({ apart }) => apart.some((device) => device !== 3)).length;
  const groupAlarms = found.flat().filter(({ decision }) => decision.drift).length;
  const late = found.map((windows) => windows.at(-1));
  console.log(
    '| runs | separated after, of its own samples, mean and worst | others separated | alarms of the group | agreement of the others at the end, worst | its own agreement, with shared thresholds and with its own |\n|---|---|---|---|---|---|',
  );
  console.log(
    `| ${fewerRuns} | ${Math.round(mean(firsts.map((samples) => (samples - 3_000) / 10)))}, ${(Math.max(...firsts) - 3_000) / 10} | ${wronged} | ${groupAlarms} | ${percent(Math.min(...late.map(({ truths }) => truths[0].agreement)), 2)} | ${percent(mean(late.map(({ decision }) => truthOf(inputDistributions.blind, decision.thresholds, costs).agreement)))}, ${percent(mean(late.map(({ truths }) => truths[3].agreement)))} |`,
  );
}
