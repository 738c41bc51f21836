import {
  type CalibrateOptions,
  calibrateBundle,
  codecCheckpointPathOf,
  defaultAllowedLoss,
  type HeldOutProof,
  refitConfidence,
  splitHoldOut,
} from '@offramp/augment';
import { Bundle, elementsOf, formatShape, type Manifest } from '@offramp/bundle';
import { subsetOf } from '@offramp/data';
import { type ConfigOf, defineConfig, duration, shortDigest } from '@offramp/runtime';
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
    .describe(
      'Share of the samples whose answer may stop agreeing with the backbone for the encoding of values',
    ),
  threads: z.number().int().min(1).max(256).default(2).describe('Threads that run stages'),
  learnCodec: z.string().optional().meta({
    description:
      'Samples to train a codec for the default boundary on, in a folder as for --data; those that --hold-out keeps are left out. Thresholds are chosen again behind it, for which --data has to be what the bundle was calibrated on; it is recorded if fewer bytes are sent for the same agreement',
    fallback: 'train none, and keep the one that the bundle has',
  }),
  epochs: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(6)
    .describe(
      'With --learn-codec: how long to train, as passes over the samples that a training of branches takes as long for',
    ),
  seed: z.number().int().default(1).describe('With --learn-codec: seed of everything random'),
  checkpointMinutes: duration({ unit: 'minutes', fraction: true })
    .default(5)
    .describe(
      'With --learn-codec: minutes between checkpoints beside the bundle; 0: only when it is interrupted',
    ),
  resume: z
    .boolean()
    .default(false)
    .describe('With --learn-codec: continue from the checkpoint of an interrupted training'),
});

export function calibrateCommand(): Command {
  return configCommand(
    'calibrate <bundle>',
    "Choose how a bundle's activations and pictures are encoded for the wire, on samples that trained nothing of it, and record it in the bundle",
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
  const { manifest } = await Bundle.open(directory);
  const { input } = manifest;
  const all = await openData(config, input);
  const dataset =
    config.holdOut === undefined ? all : subsetOf(all, splitHoldOut(all, config.holdOut).heldOut);
  const options = { ...config, progress, signal };
  const onHeldOut = (proof: HeldOutProof, heldOut: number) => warnOfFewHeldOut(proof, heldOut, progress);
  if (config.refit) await refitConfidence(directory, dataset, { ...options, onHeldOut });
  const learn = await learning(config, directory, manifest, progress);
  const bundle =
    config.refit && !learn
      ? await Bundle.open(directory)
      : await calibrateBundle(directory, dataset, { ...options, ...(learn ? { learn } : {}) });
  progress.stop();
  const tables = [codecTable(bundle), pictureTable(bundle)].filter((table) => table !== null);
  process.stdout.write(`${tables.join('\n\n')}\n\nbundle   ${directory} (${shortDigest(bundle.digest)})\n`);
}

/** What to train a codec on, and how; `null` without one. */
async function learning(
  config: ConfigOf<typeof definition>,
  directory: string,
  { input, provenance }: Manifest,
  progress: ProgressBar,
): Promise<CalibrateOptions['learn'] | null> {
  const { learnCodec: data, epochs, seed, checkpointMinutes: everyMinutes, resume, holdOut } = config;
  if (data === undefined) return null;
  const all = await openData({ ...config, data, split: 'train' }, input);
  const training = holdOut === undefined ? all : subsetOf(all, splitHoldOut(all, holdOut).training);
  const { flip, crop } = provenance.options;
  return {
    ...{ training, epochs, seed, mode: 'auto' },
    augmentation: { flip: flip === true, crop: typeof crop === 'number' ? crop : 0 },
    checkpoint: { everyMinutes, resume, path: codecCheckpointPathOf(directory) },
    onRemark: (remark) => progress.say(`warning: ${remark}`),
  };
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
    manifest.stages.slice(0, -1).map(({ activationShape, codec: ofValues, learned }, i) => {
      const shape = activationShape ?? [];
      const float32Bytes = 4 * elementsOf(shape);
      const codec = learned ? { ...learned, encoding: 'learned', step: undefined } : ofValues;
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

/** The packing of a picture with the fewest bytes, for every number of stages on the device; `null` without any. */
export function pictureTable({ manifest }: Bundle): string | null {
  if (!manifest.stages.some(({ pictures }) => pictures)) return null;
  const right = 'right' as const;
  return formatTable(
    [
      { head: 'stages on device', align: right },
      { head: 'picture as' },
      { head: 'quality', align: right },
      { head: 'bytes', align: right },
      { head: 'agreement', align: right },
      { head: 'lost', align: right },
    ],
    manifest.stages.flatMap(({ pictures }, stage) => {
      const [best] = pictures ?? [];
      if (!best) return [];
      return [
        [
          stage === 0 ? 'none' : `${stage}${stage === manifest.deviceStages ? ' (default)' : ''}`,
          best.form,
          'quality' in best ? String(best.quality) : '–',
          formatInteger(best.meanBytes),
          formatPercent(best.agreement, 2),
          formatPercent(best.agreementLost, 2),
        ],
      ];
    }),
  );
}
