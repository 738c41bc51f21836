import {
  buildReport,
  evaluateBundle,
  type FindingGrade,
  measureExitTimes,
  type PolicyOutcome,
  prepareReportFolder,
  type Report,
  thisMachine,
  writeReport,
} from '@offramp/augment';
import { Bundle } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { type ConfigOf, defineConfig, readableText, shortDigest } from '@offramp/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../config-command.js';
import { dataOptions, openData } from '../data-options.js';
import { jsonText } from '../json-text.js';
import { outputIsStyled, painter, type Style } from '../painter.js';
import { ProgressBar } from '../progress-bar.js';
import { formatTable } from '../table.js';
import { formatInteger, formatPercent } from '../units.js';

const definition = defineConfig('evaluate', {
  ...dataOptions('test'),
  thresholds: z
    .array(z.number().nonnegative())
    .min(1)
    .default([0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99, 2])
    .describe('Thresholds to try, each for all branches at once; above 1: no sample leaves early'),
  limit: z
    .number()
    .int()
    .positive()
    .optional()
    .meta({ description: 'Samples to use, from the first', fallback: 'all' }),
  threads: z.number().int().min(1).max(256).default(2).describe('Threads that run stages'),
  report: z
    .string()
    .optional()
    .meta({ description: 'Folder to write report.html and its charts to', fallback: 'none is written' }),
  json: z.boolean().default(false).describe('Print everything that the report shows as JSON'),
  timingRepetitions: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(15)
    .describe(
      'Runs of all stages to measure CPU time by, for the report and JSON; fewer if they take over a minute; 0: none',
    ),
  timingBatchSizes: z
    .array(z.number().int().min(1).max(4096))
    .min(1)
    .max(8)
    .default([1, 64])
    .describe('Samples per run to measure CPU time with; the first two are drawn'),
});

export function evaluateCommand(): Command {
  return configCommand(
    'evaluate <bundle>',
    'Judge a bundle: accuracy, agreement and cost over thresholds, and what to improve',
    definition,
    async (config, directory) => evaluate(config, directory as string),
  );
}

async function evaluate(config: ConfigOf<typeof definition>, directory: string): Promise<void> {
  const bundle = await Bundle.open(directory);
  const { manifest, digest } = bundle;
  const dataset = await openData(config, manifest.input);
  if (config.report !== undefined) await prepareReportFolder(config.report);
  const heldOut = await bundle.readCalibration();
  const progress = new ProgressBar();
  const { table, times } = await measure(config, bundle, dataset, progress).finally(() => progress.stop());
  const report = buildReport({
    ...{ manifest, digest, table, heldOut, times },
    data: dataset.description,
    thresholds: config.thresholds,
    machine: thisMachine(),
    createdAt: new Date(),
  });
  const page = config.report === undefined ? null : await writeReport(report, config.report);
  if (config.json) {
    process.stdout.write(`${jsonText(report)}\n`);
    return;
  }
  process.stdout.write(
    [
      `bundle   ${readableText(manifest.name)} (${shortDigest(digest)}), ${manifest.stages.length} stages, ${manifest.deviceStages} on the device by default`,
      `data     ${readableText(dataset.description)}`,
      `exits    ${exitSummary(report)}`,
      '',
      renderPoints(report),
      '',
      ...renderFindings(report),
      ...(page === null ? [] : ['', `report   ${page}`]),
      '',
    ].join('\n'),
  );
}

async function measure(
  config: ConfigOf<typeof definition>,
  bundle: Bundle,
  dataset: Dataset,
  progress: ProgressBar,
) {
  const listen = (title: string, total: number) => {
    let shown = 0;
    progress.step(title, total);
    return (done: number) => {
      progress.advance(done - shown);
      shown = done;
    };
  };
  const total = Math.min(dataset.size, config.limit ?? dataset.size);
  const table = await evaluateBundle(bundle, dataset, {
    threads: config.threads,
    limit: total,
    onProgress: listen('running every exit', total),
  });
  const { timingRepetitions: repetitions, timingBatchSizes: batchSizes } = config;
  if (repetitions === 0 || (config.report === undefined && !config.json)) return { table, times: [] };
  const onProgress = listen('measuring CPU time', repetitions * batchSizes.length);
  return { table, times: await measureExitTimes(bundle, dataset, { batchSizes, repetitions, onProgress }) };
}

/** The agreement of each exit if every sample left there. */
function exitSummary({ exits, backboneAccuracy, samples }: Report): string {
  const branches = exits.map(({ exit, alone }) => `${exit}: ${formatPercent(alone.agreement)}`);
  const final = backboneAccuracy === null ? '' : `; backbone's accuracy ${formatPercent(backboneAccuracy)}`;
  const alone = branches.length > 0 ? `agreement of each branch alone ${branches.join(', ')}` : 'no branches';
  return `${alone}${final} (${formatInteger(samples)} samples)`;
}

function renderPoints({ exits, shipped, points }: Report): string {
  const names = [...exits.map(({ exit }) => `exit ${exit}`), 'final'];
  const row = (title: string, outcome: PolicyOutcome) => [
    title,
    outcome.accuracy === null ? '–' : formatPercent(outcome.accuracy, 2),
    formatPercent(outcome.agreement, 2),
    formatPercent(outcome.cost),
    formatPercent(outcome.onDevice),
    ...outcome.exitShares.map((share) => formatPercent(share)),
  ];
  const titleOf = ({ thresholds: [threshold = 0] }: PolicyOutcome) =>
    threshold > 1 ? 'never' : String(threshold);
  return formatTable(
    [
      { head: 'threshold' },
      ...['accuracy', 'agreement', 'cost', 'on device', ...names].map((head) => ({
        head,
        align: 'right' as const,
      })),
    ],
    [row('shipped', shipped), ...points.map((outcome) => row(titleOf(outcome), outcome))],
  );
}

const gradeStyles: Readonly<Record<FindingGrade, Style>> = { problem: 'red', hint: 'yellow', good: 'green' };

/** The diagnosis, with a line per finding. The report has numbers and advice. */
function renderFindings({ findings }: Report): string[] {
  const paint = painter(outputIsStyled());
  return findings.map(({ grade, title }) => `${paint(gradeStyles[grade], grade.padEnd(8))} ${title}`);
}
