import {
  calibrateBundle,
  defaultAllowedLoss,
  type HeldOutProof,
  refitConfidence,
  splitHoldOut,
} from '@offramp/augment';
import { Bundle, elementsOf, formatShape } from '@offramp/bundle';
import { subsetOf } from '@offramp/data';
import { type ConfigOf, defineConfig, shortDigest } from '@offramp/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../config-command.js';
import { dataOptions, openData } from '../data-options.js';
import { warnOfFewHeldOut } from '../held-out-warning.js';
import { withProgress } from '../long-command.js';
import type { ProgressBar } from '../progress-bar.js';
import { formatTable } from '../table.js';
import { formatInteger, formatPercent } from '../units.js';

const definition = defineConfig('calibrate', {
  ...dataOptions('test'),
  holdOut: z.number().positive().optional().meta({
    description:
      'Use only the samples that `offramp augment` with the same --hold-out and data keeps from training',
    fallback: 'use all',
  }),
  refit: z
    .boolean()
    .default(false)
    .describe(
      "Before that, refit the confidence heads on all of the samples, and choose thresholds for the bundle's own goal; class heads stay",
    ),
  limit: z
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe('Samples to choose encodings on, from the first, at most'),
  allowedLoss: z
    .number()
    .min(0)
    .max(1)
    .default(defaultAllowedLoss)
    .describe('Share of the samples whose answer may stop agreeing with the backbone for the encoding'),
  threads: z.number().int().min(1).max(256).default(2).describe('Threads that run stages'),
});

export function calibrateCommand(): Command {
  return configCommand(
    'calibrate <bundle>',
    "Choose how a bundle's activations are encoded for the wire, on samples that trained nothing of it, and record it in the bundle",
    definition,
    (config, directory) =>
      withProgress((progress, signal) => calibrate(config, directory as string, progress, signal)),
  );
}

async function calibrate(
  config: ConfigOf<typeof definition>,
  directory: string,
  progress: ProgressBar,
  signal: AbortSignal,
): Promise<void> {
  const { input } = (await Bundle.open(directory)).manifest;
  const all = await openData(config, input);
  const dataset =
    config.holdOut === undefined ? all : subsetOf(all, splitHoldOut(all, config.holdOut).heldOut);
  const run = config.refit ? refitConfidence : calibrateBundle;
  const bundle = await run(directory, dataset, {
    ...{ ...config, progress, signal },
    onHeldOut: (proof: HeldOutProof, heldOut: number) => warnOfFewHeldOut(proof, heldOut, progress),
  });
  progress.stop();
  process.stdout.write(`${codecTable(bundle)}\n\nbundle   ${directory} (${shortDigest(bundle.digest)})\n`);
}

/** The encoding at every stage boundary. */
export function codecTable({ manifest }: Bundle): string {
  const right = 'right' as const;
  return formatTable(
    [
      { head: 'stages on device', align: right },
      { head: 'activation', align: right },
      { head: 'encoding' },
      { head: 'step', align: right },
      { head: 'bytes', align: right },
      { head: 'of float32', align: right },
      { head: 'agreement', align: right },
      { head: 'lost', align: right },
    ],
    manifest.stages.slice(0, -1).map(({ activationShape, codec }, i) => {
      const shape = activationShape ?? [];
      const float32Bytes = 4 * elementsOf(shape);
      return [
        `${i + 1}${i + 1 === manifest.deviceStages ? ' (default)' : ''}`,
        formatShape(shape),
        codec?.encoding ?? 'float32',
        codec?.step === undefined ? '–' : String(codec.step),
        formatInteger(codec?.meanBytes ?? float32Bytes),
        formatPercent((codec?.meanBytes ?? float32Bytes) / float32Bytes),
        codec ? formatPercent(codec.agreement, 2) : '–',
        codec ? formatPercent(codec.agreementLost, 2) : '–',
      ];
    }),
  );
}
