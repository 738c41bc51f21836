#!/usr/bin/env node
// Whether goals are met, and drift is found, through the whole loop: simulated devices, real NATS, a real controller.
// `npm run build && node bench/fleet/loop.mjs [--only goals,drift,limits] > bench/fleet/loop.md`. Prints Markdown.
// Each seed is a separate group; groups run in parallel. Samples are drawn, with replacement, from the outcomes of all exits of the
// bundle on pictures not used in training: unchanged, noisy, blurred, dark, and with another mix of classes.
import { parseArgs } from 'node:util';
import { binStarts } from '@offramp/contracts';
import { CloudModel } from './support/fleet/cloud-model.mjs';
import { runScenario } from './support/fleet/scenario.mjs';
import { agreement, fleetOptions, mean, openFleetBench, percent, range } from './support/fleet-bench.mjs';
import { bestOfAll, bestOnPath } from './support/hindsight.mjs';

const { values: flags } = parseArgs({
  options: {
    ...fleetOptions,
    only: { type: 'string', default: 'goals,drift,limits' },
    'drift-runs': { type: 'string', default: '20' },
    /** Samples per second of a group. */
    rate: { type: 'string', default: '100' },
  },
});
const only = flags.only.split(',');
const runs = Number(flags.runs);
const driftRuns = Number(flags['drift-runs']);
const devicesPerGroup = 4;
const samplesPerSecond = Number(flags.rate) / devicesPerGroup;
const windowMs = 2_000;
const { floor } = agreement;
const goalSamples = 5_000;
const driftAt = 3_000;
const driftSamples = 10_000;
const quietSamples = 20_000;
const settledSamples = 1_000;
const limitMs = 60_000;

const { bundle, tables, costs, path, inputDistributions } = await openFleetBench(flags);
const { manifest, branches } = bundle;
const { clean } = inputDistributions;

const verdicts = [];
const judge = (what, wanted, found, met) => verdicts.push({ what, wanted, found, met });

const scenario = (groups, more) =>
  runScenario({
    ...{ bundle, bundlePath: flags.bundle, costs, devicesPerGroup, samplesPerSecond, windowMs, groups },
    ...more,
  });
const allHad = (samples, wanted) => [...samples].every(([group, had]) => had >= wanted(group));

console.log(`# Goals, drift and limits in the whole loop

${branches} branches of \`${manifest.name}\`, ${manifest.deviceStages} stages on devices, ${tables.clean.samples} pictures. ${devicesPerGroup} devices a group, ${flags.rate} samples per second and group, a report every ${windowMs / 1_000} s and with each
policy. *Met*: the devices' thresholds at that time agree on at least the wanted share of **all** recorded pictures.
`);
if (only.includes('goals')) await goals();
if (only.includes('drift')) await drifts();
if (only.includes('limits')) await limits();
console.log('## Wanted and found\n\n| what | wanted | found | |\n|---|---|---|---|');
for (const { what, wanted, found, met } of verdicts) {
  console.log(`| ${what} | ${wanted} | ${found} | ${met ? 'met' : '**missed**'} |`);
}
process.exit();

async function goals() {
  const starts = {
    'too low (0.5)': range(branches).map(() => 0.5),
    'too high (no early exits)': range(branches).map(() => 2),
  };
  const groups = Object.entries(starts).flatMap(([start, thresholds], i) =>
    range(runs).map((run) => ({
      ...{ name: `goal-${i}-${run}`, start, thresholds, auditRate: 0.02, goals: [agreement] },
      trafficAt: () => clean,
    })),
  );
  const { tracks, usage, failures } = await scenario(groups, {
    seed: 1,
    until: (samples) => allHad(samples, () => goalSamples),
  });
  const bestPath = bestOnPath(clean, path, costs, floor);
  const best = bestOfAll(clean, path, binStarts, costs, floor);
  console.log(`## Goal: agreement ≥ ${percent(floor, 0)}, wrong initial thresholds, ${goalSamples} samples

| start | runs | met after ${goalSamples} | last sample below | agreement, worst and mean | cost | over best on the path, worst and mean | audits once steady |
|---|---|---|---|---|---|---|---|`);
  const found = groups.map(({ name, start }) => {
    const track = tracks.get(name).filter(({ samples }) => samples <= goalSamples + 100);
    const end = track.at(-1);
    return {
      ...{ start, agreement: end.agreement, cost: end.cost },
      lastBelow: track.findLast((point) => point.agreement < floor)?.samples ?? 0,
      audits: shareOf(track, settledSamples, (outcome) => outcome.audited),
    };
  });
  for (const start of Object.keys(starts)) {
    const those = found.filter((run) => run.start === start);
    const over = those.map(({ cost }) => cost / bestPath.cost - 1);
    console.log(
      `| ${start} | ${those.length} | ${those.filter((run) => run.agreement >= floor).length} | ${Math.max(...those.map((run) => run.lastBelow))} | ${percent(Math.min(...those.map((run) => run.agreement)), 2)}, ${percent(mean(those.map((run) => run.agreement)), 2)} | ${percent(mean(those.map(({ cost }) => cost)))} | ${percent(Math.max(...over))}, ${percent(mean(over))} | ${percent(mean(those.map(({ audits }) => audits)), 2)} |`,
    );
  }
  console.log(`
Best on the path: ${percent(bestPath.cost)}; best of all: ${percent(best.cost)}. The controller took ${usage.cpuSeconds.toFixed(0)} s of processor time in ${usage.seconds.toFixed(0)} s, for ${groups.length} groups; ${failures.length} errors in its log.
`);
  const met = found.filter((run) => run.agreement >= floor).length;
  const over = mean(found.map(({ cost }) => cost)) / bestPath.cost - 1;
  const worst = Math.max(...found.map(({ cost }) => cost)) / bestPath.cost - 1;
  judge(
    'goal met from wrong thresholds in both directions',
    `every run, ${goalSamples} samples`,
    `${met} of ${found.length}`,
    met === found.length,
  );
  judge(
    'cost over the best in hindsight',
    '≤ 5 %',
    `${percent(over)} on average, ${percent(worst)} at worst`,
    worst <= 0.05,
  );
}

async function drifts() {
  const before = path.thresholdsAt(path.positionOf(bestOnPath(clean, path, costs, 0.982).thresholds));
  const kinds = { noise: 'noise', blur: 'blur', dark: 'darkness', mix: 'class mix' };
  const startedRight = { thresholds: before, auditRate: 0.015, goals: [agreement] };
  const moving = Object.keys(kinds).flatMap((kind) =>
    range(driftRuns).map((run) => ({
      ...startedRight,
      ...{ name: `${kind}-${run}`, kind, last: driftSamples },
      trafficAt: (samples) => (samples < driftAt ? clean : inputDistributions[kind]),
    })),
  );
  const quiet = range(driftRuns).map((run) => ({
    ...startedRight,
    ...{ name: `quiet-${run}`, kind: 'quiet', last: quietSamples },
    trafficAt: () => clean,
  }));
  const groups = [...moving, ...quiet];
  const lasts = new Map(groups.map(({ name, last }) => [name, last]));
  const { tracks, events, failures } = await scenario(groups, {
    seed: 2,
    until: (samples) => allHad(samples, (group) => lasts.get(group)),
  });
  const alarms = (name) => events.filter(({ group, kind }) => group === name && kind === 'drift');
  const samplesAt = (name, atMs) => tracks.get(name).findLast((point) => point.atMs <= atMs)?.samples ?? 0;
  console.log(`## Drift, from one sample to the next, at sample ${driftAt}

| drift | runs | found | after samples, mean and worst | below the floor, mean and worst | met at the end | cost, and the best in hindsight |
|---|---|---|---|---|---|---|`);
  const missed = [];
  for (const [kind, words] of Object.entries(kinds)) {
    const best = bestOnPath(inputDistributions[kind], path, costs, floor);
    const found = moving
      .filter((group) => group.kind === kind)
      .map(({ name }) => {
        const track = tracks.get(name).filter(({ samples }) => samples > driftAt && samples <= driftSamples);
        const alarm = alarms(name).find(({ atMs }) => samplesAt(name, atMs) >= driftAt);
        const lastBelow = track.findLast((point) => point.agreement < floor)?.samples ?? driftAt;
        return {
          found: alarm ? samplesAt(name, alarm.atMs) - driftAt : null,
          below: lastBelow - driftAt,
          agreement: track.at(-1).agreement,
          cost: track.at(-1).cost,
        };
      });
    const late = found.map((run) => run.found).filter((samples) => samples !== null);
    const below = found.map((run) => run.below);
    missed.push(...below.filter((samples) => samples > 2_000));
    console.log(
      `| ${words} | ${found.length} | ${late.length} | ${late.length ? `${Math.round(mean(late))}, ${Math.max(...late)}` : ''} | ${Math.round(mean(below))}, ${Math.max(...below)} | ${found.filter((run) => run.agreement >= floor).length} | ${percent(mean(found.map(({ cost }) => cost)))}, ${percent(best.cost)} |`,
    );
  }
  const falseAlarms = [
    ...quiet.flatMap(({ name }) => alarms(name)),
    ...moving.flatMap(({ name }) => alarms(name).filter(({ atMs }) => samplesAt(name, atMs) < driftAt)),
  ];
  const audits = mean(
    quiet.map(({ name }) => shareOf(tracks.get(name), settledSamples, (outcome) => outcome.audited)),
  );
  console.log(`
${quiet.length} runs of ${quietSamples} samples without drift, and ${moving.length} of ${driftAt} samples up to the drift: ${falseAlarms.length} alarms; ${percent(audits, 2)} of samples audited; ${failures.length} errors in the controller's log.
`);
  judge(
    'agreement back above the floor after a drift',
    'within 2,000 samples of the group',
    `${moving.length - missed.length} of ${moving.length} runs`,
    missed.length === 0,
  );
  judge('alarms without drift', `none in ${quiet.length} runs`, `${falseAlarms.length}`, !falseAlarms.length);
  judge('audits once steady', '≤ 2 % of samples', percent(audits, 2), audits <= 0.02);
}

async function limits() {
  const nobody = range(branches).map(() => 2);
  const shared = { thresholds: nobody, auditRate: 0.02, trafficAt: () => clean };
  const offloaded = (outcome) => outcome.offloaded;
  const late = (outcome) => outcome.latencyMs > 30;
  const cases = [
    {
      ...{ name: 'offload', words: 'offload ≤ 20 %', limit: 0.2, of: offloaded },
      goals: [{ kind: 'offload', ceiling: 0.2 }],
    },
    {
      ...{ name: 'offload-first', words: 'offload ≤ 8 %, then agreement', limit: 0.08, of: offloaded },
      goals: [{ kind: 'offload', ceiling: 0.08 }, agreement],
    },
    {
      ...{ name: 'latency', words: 'p95 ≤ 30 ms: share of later answers', limit: 0.05, of: late },
      goals: [{ kind: 'latency', targetMs: 30, quantile: 0.95 }],
    },
  ];
  const groups = cases.flatMap((one) =>
    range(5).map((run) => ({ ...shared, goals: one.goals, name: `${one.name}-${run}`, of: one })),
  );
  const until = (_, ms) => ms >= 2 * limitMs;
  const { tracks } = await scenario(groups, { seed: 3, until });
  console.log('## Other goals, during the second minute\n');
  console.log('| goal | runs | limit | mean | worst run | agreement |\n|---|---|---|---|---|---|');
  const line = ({ words, limit }, shares, agreements) => {
    const worst = Math.max(...shares);
    console.log(
      `| ${words} | ${shares.length} | ${percent(limit)} | ${percent(mean(shares))} | ${percent(worst)} | ${percent(mean(agreements))} |`,
    );
    judge(
      words,
      `within 10 % of ${percent(limit)} after 60 s`,
      `${percent(worst)} at worst`,
      worst <= 1.1 * limit,
    );
  };
  const minute = (track) => track.filter(({ atMs }) => atMs > limitMs);
  for (const one of cases) {
    const those = groups.filter(({ of }) => of === one).map(({ name }) => minute(tracks.get(name)));
    line(
      one,
      those.map((track) => shareOf(track, 0, one.of)),
      those.map((track) => mean(track.map((point) => point.agreement))),
    );
  }

  // Each group's workers have capacity for a tenth of the load without early exits.
  const busy = range(5).map((run) => ({
    ...shared,
    ...{ name: `busy-${run}`, goals: [{ kind: 'agreement', floor: 0.995 }] },
  }));
  const offered = busy.length * devicesPerGroup * samplesPerSecond;
  const workerThreads = 0.1 * offered * new CloudModel(manifest).workerSeconds(branches);
  const saturated = await scenario(busy, { seed: 4, until, workerThreads });
  const utilisations = saturated.workers
    .filter(({ at }) => at - saturated.startedAt > limitMs)
    .map(({ utilisation }) => utilisation);
  line(
    { words: 'saturated workers: limit on offered work over capacity', limit: 0.85 },
    [mean(utilisations)],
    busy.map(({ name }) => mean(minute(saturated.tracks.get(name)).map((point) => point.agreement))),
  );
  const degraded = mean(
    busy.map(({ name }) => shareOf(minute(saturated.tracks.get(name)), 0, (outcome) => outcome.degraded)),
  );
  console.log(
    `\nWorst two seconds of the saturated workers: ${percent(Math.max(...utilisations))}; refused: ${percent(degraded, 2)} of samples.\n`,
  );
}

/** Share of a track's samples for which `is` holds, after the first `after` samples. */
function shareOf(track, after, is) {
  const outcomes = track.filter(({ samples }) => samples > after).flatMap((point) => point.outcomes);
  return outcomes.filter(is).length / outcomes.length;
}
