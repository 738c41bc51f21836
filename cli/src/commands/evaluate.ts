import { evaluateBundle } from '@offramp/augment';
import {
  Bundle,
  type CalibrationTable,
  type ConfigOf,
  defineConfig,
  evaluateThresholds,
  exitCosts,
  pictureChannels,
  shortDigest,
  type ThresholdOutcome,
} from '@offramp/shared';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../config-command.js';
import { dataOptions, openData } from '../data-options.js';
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
    .meta({ description: 'Pictures to use, from the first', fallback: 'all' }),
  threads: z.number().int().min(1).max(256).default(2).describe('Threads that run stages'),
  json: z.boolean().default(false).describe('Print JSON'),
});

export function evaluateCommand(): Command {
  return configCommand(
    'evaluate <bundle>',
    'Print accuracy, agreement and cost of a bundle over thresholds',
    definition,
    async (config, directory) => evaluate(config, directory as string),
  );
}

interface EvaluatedThresholds extends ThresholdOutcome {
  thresholds: number[];
  /** Share of samples that leave on the stages a device runs by default. */
  onDevice: number;
}

async function evaluate(config: ConfigOf<typeof definition>, directory: string): Promise<void> {
  const bundle = await Bundle.open(directory);
  const { manifest } = bundle;
  const dataset = await openData(config, pictureChannels(manifest.input));
  const progress = new ProgressBar();
  let shown = 0;
  progress.step('running every exit', Math.min(dataset.size, config.limit ?? dataset.size));
  const table = await evaluateBundle(bundle, dataset, {
    threads: config.threads,
    ...(config.limit === undefined ? {} : { limit: config.limit }),
    onProgress: (done) => {
      progress.advance(done - shown);
      shown = done;
    },
  }).finally(() => progress.stop());

  const costs = exitCosts(manifest);
  const judge = (thresholds: number[]): EvaluatedThresholds => {
    const outcome = evaluateThresholds(table, thresholds, costs);
    const onDevice = outcome.exitShares
      .slice(0, manifest.deviceStages)
      .reduce((sum, share) => sum + share, 0);
    return { thresholds, onDevice, ...outcome };
  };
  const shipped = judge(manifest.policy.thresholds);
  const swept = config.thresholds.map((threshold) => judge(new Array(bundle.branches).fill(threshold)));
  if (config.json) {
    const { digest } = bundle;
    process.stdout.write(
      `${JSON.stringify({ bundle: digest, data: dataset.description, costs, shipped, swept })}\n`,
    );
    return;
  }
  process.stdout.write(
    [
      `bundle   ${manifest.name} (${shortDigest(bundle.digest)}), ${manifest.stages.length} stages, ${manifest.deviceStages} on the device by default`,
      `data     ${dataset.description}`,
      `exits    ${exitSummary(table)}`,
      '',
      renderSweep(bundle.branches, shipped, swept),
      '',
    ].join('\n'),
  );
}

/** How good each exit would be if everybody left there. */
function exitSummary(table: CalibrationTable): string {
  const shareOfOnes = (bits: string) => [...bits].filter((bit) => bit === '1').length / table.samples;
  const branches = table.branches.map(({ agrees }, i) => `${i}: ${formatPercent(shareOfOnes(agrees))}`);
  const final = table.correct
    ? `; backbone's accuracy ${formatPercent(shareOfOnes(table.correct.at(-1) ?? ''))}`
    : '';
  return `agreement of each branch alone ${branches.join(', ')}${final} (${formatInteger(table.samples)} pictures)`;
}

function renderSweep(branches: number, shipped: EvaluatedThresholds, swept: EvaluatedThresholds[]): string {
  const exits = Array.from({ length: branches + 1 }, (_, i) => (i === branches ? 'final' : `exit ${i}`));
  const row = (title: string, outcome: EvaluatedThresholds) => [
    title,
    outcome.accuracy === null ? '–' : formatPercent(outcome.accuracy, 2),
    formatPercent(outcome.agreement, 2),
    formatPercent(outcome.cost),
    formatPercent(outcome.onDevice),
    ...outcome.exitShares.map((share) => formatPercent(share)),
  ];
  const titleOf = ({ thresholds: [threshold = 0] }: EvaluatedThresholds) =>
    threshold > 1 ? 'never' : String(threshold);
  return formatTable(
    [
      { head: 'threshold' },
      ...['accuracy', 'agreement', 'cost', 'on device', ...exits].map((head) => ({
        head,
        align: 'right' as const,
      })),
    ],
    [row('shipped', shipped), ...swept.map((outcome) => row(titleOf(outcome), outcome))],
  );
}
