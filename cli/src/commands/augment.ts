import { existsSync } from 'node:fs';
import { basename, extname } from 'node:path';
import {
  augmentBackbone,
  bodiesOf,
  checkpointPathOf,
  inputChoiceOptions,
  inputOf,
  inputShapeSchema,
  loadBackbone,
  outputSchema,
  trainerFacts,
  trainerFor,
  trainingOptions,
  trialTrainerFor,
} from '@offramp/augment';
import { bundleNameSchema, exitMacs, type Manifest, maxBundleNameLength } from '@offramp/bundle';
import {
  byteSize,
  bytesIn,
  type ConfigOf,
  defineConfig,
  duration,
  messageOf,
  OfframpError,
  readableText,
  readTextFile,
  shortDigest,
} from '@offramp/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../config-command.js';
import { dataOptions, openData } from '../data-options.js';
import { effortText } from '../effort-text.js';
import { warnOfFewHeldOut } from '../held-out-warning.js';
import { withProgress } from '../long-command.js';
import { preprocessingOptions, resolvePreprocessing } from '../preprocessing-options.js';
import type { ProgressBar } from '../progress-bar.js';
import { formatInteger, formatPercent } from '../units.js';

/** Limit of the file with the labels. */
const maxLabelsBytes = 16 * 2 ** 20;

const share = z.number().gt(0).lt(1);

const definition = defineConfig('augment', {
  ...dataOptions('train'),
  out: z.string().describe('Folder to write the bundle to'),
  name: bundleNameSchema
    .optional()
    .meta({ description: 'Name of the bundle', fallback: "the model file's name" }),
  inputShape: inputShapeSchema,
  output: outputSchema,
  ...inputChoiceOptions,
  ...preprocessingOptions,
  labels: z.string().optional().meta({
    description: "File with one label per line, in the model's order",
    fallback: "the data's class names",
  }),
  ...trainingOptions,
  holdOut: z
    .number()
    .positive()
    .default(0.1)
    .describe(
      'Samples kept from training for confidence heads and thresholds, the last ones (of each class, where sorted by class); below 1: their share',
    ),
  agreement: share.default(0.98).describe('Agreement with the backbone that the thresholds are chosen for'),
  cost: z.number().gt(0).max(1).optional().meta({
    description: "Share of the backbone's cost that the thresholds are to keep to, instead of --agreement",
    fallback: 'by --agreement',
  }),
  delta: share
    .default(0.05)
    .describe('Probability with which as many new samples as were held out may agree less, or cost more'),
  deviceCost: z
    .number()
    .positive()
    .default(0.45)
    .describe("Share of the backbone's cost up to which the device runs stages"),
  memory: byteSize()
    .default('2GiB')
    .describe(
      'Memory that the process may take, apart from the processes that decode pictures; with less, training steps are divided into smaller parts',
    ),
  minutes: duration({ unit: 'minutes', fraction: true, min: 0.1 }).optional().meta({
    description:
      'Time for all of the work, by an estimate; if it takes longer, trial, codecs and epochs get fewer samples, and there are fewer epochs',
    fallback: 'as long as it takes',
  }),
  checkpointMinutes: duration({ unit: 'minutes', fraction: true })
    .default(5)
    .describe(
      'Minutes between checkpoints of the training, beside --out; 0: only when it is interrupted. Bodies of pooling alone train in one pass and leave none',
    ),
  resume: z
    .boolean()
    .default(false)
    .describe(
      'Continue from the checkpoint of an interrupted training; the bundle is the same as without an interruption',
    ),
  calibrateOn: z.string().optional().meta({
    description: 'Other samples to fit confidence heads and choose thresholds on, instead of held-out ones',
    fallback: 'hold some out',
  }),
});

export function augmentCommand(): Command {
  return configCommand(
    'augment <model>',
    'Attach early exits to an ONNX classifier and write a bundle',
    definition,
    (config, model) => withProgress((progress, signal) => augment(config, model as string, progress, signal)),
  );
}

async function augment(
  config: ConfigOf<typeof definition>,
  modelPath: string,
  progress: ProgressBar,
  signal: AbortSignal,
): Promise<void> {
  const { inputShape, inputKind: kind, layout, output } = config;
  // The model is loaded before the data: a wrong model is the more common mistake, and its input determines the samples.
  const backbone = await loadBackbone(modelPath, { inputShape, kind, layout, output });
  const preprocessing = await resolvePreprocessing(config, backbone.profile.input);
  const { uncounted } = backbone.profile;
  if (uncounted.length > 0) {
    process.stderr.write(`warning: the cost leaves out ${uncounted.join(', ')}, which cannot be seen into\n`);
  }
  const input = inputOf(backbone.profile, preprocessing);
  const dataset = await openData(config, input);
  const calibration =
    config.calibrateOn === undefined ? null : await openData({ ...config, data: config.calibrateOn }, input);
  const path = checkpointPathOf(config.out);
  if (!config.resume && existsSync(path)) {
    process.stderr.write(`${path} was left by an interrupted training; --resume continues from there\n`);
  }
  const result = await augmentBackbone(backbone, dataset, config.out, {
    ...config,
    name: config.name ?? basename(modelPath, extname(modelPath)).slice(0, maxBundleNameLength),
    labels: config.labels === undefined ? null : await readLabels(config.labels),
    preprocessing,
    bodies: bodiesOf(config),
    cutPoints: config.cutPoints ?? null,
    calibration,
    memoryBytes: bytesIn(config.memory),
    trainer: trainerFor(config),
    trialTrainer: trialTrainerFor(config),
    trainerOptions: trainerFacts(config),
    augmentation: { flip: config.flip, crop: config.crop },
    onRemark: (remark) => progress.say(`warning: ${remark}`),
    minutes: config.minutes,
    onEstimate: (estimate) => progress.say(effortText(estimate)),
    onHeldOut: (proof, heldOut) => warnOfFewHeldOut(proof, heldOut, progress),
    progress,
    signal,
    checkpoint: { everyMinutes: config.checkpointMinutes, resume: config.resume },
  });
  progress.stop();

  const { bundle, outcome, backboneAccuracy } = result;
  const { manifest } = bundle;
  const macs = exitMacs(manifest);
  const lines = [
    `bundle     ${config.out} (${manifest.stages.length} stages, ${shortDigest(bundle.digest)})`,
    ...manifest.stages.map((stage, i) => {
      const where = stage.branch ? `branch at ${stage.branch.cutPoint}` : "the backbone's own classifier";
      const cost = formatPercent((macs[i] as number) / manifest.backbone.macs);
      return `  exit ${i}   ${cost} of the cost, ${formatPercent(outcome.exitShares[i] as number)} leave${condition(manifest.policy.thresholds[i])}; ${where}`;
    }),
    `device     runs ${manifest.deviceStages} of them by default${sending(manifest)}`,
    `held out   ${formatInteger(manifest.calibration.samples)} samples: agreement ${formatPercent(outcome.agreement)}${
      outcome.accuracy === null || backboneAccuracy === null
        ? ''
        : `, accuracy ${formatPercent(outcome.accuracy)} (backbone ${formatPercent(backboneAccuracy)})`
    }, cost ${formatPercent(outcome.cost)}`,
  ];
  process.stdout.write(`${readableText(lines.join('\n'))}\n`);
  if (result.differentAnswers === 1) {
    process.stderr.write(
      'warning: the backbone gives the same answer for all held-out samples, so agreement with it says little; check the preprocessing\n',
    );
  }
  if (config.cost !== undefined && outcome.cost > config.cost) {
    process.stderr.write(
      `warning: no thresholds keep to a cost of ${formatPercent(config.cost)} with certainty ${1 - config.delta}; with these every sample leaves at the first exit, at ${formatPercent(outcome.cost)} and agreement ${formatPercent(outcome.agreement)}; ask for an earlier branch (--cut-points), or for a higher --cost\n`,
    );
  }
  if (bundle.branches > 0 && outcome.exitShares.at(-1) === 1) {
    process.stderr.write(
      `warning: no thresholds reach agreement ${config.agreement} with certainty ${1 - config.delta} on ${manifest.calibration.samples} held-out samples, so none exits early; hold out more, or lower --agreement\n`,
    );
  }
}

/** What a device sends of a sample that passes all of its exits. */
function sending({ stages, deviceStages }: Manifest): string {
  const { codec, learned } = stages[deviceStages - 1] ?? {};
  const sent = learned ? { ...learned, encoding: 'learned' } : codec;
  return sent
    ? `, and sends ${formatInteger(sent.meanBytes)} bytes (${sent.encoding}) of what they leave`
    : '';
}

/** The condition for leaving at an exit with this threshold. */
function condition(threshold: number | undefined): string {
  if (threshold === undefined) return '';
  return threshold > 1 ? ', however sure' : ` at confidence ≥ ${threshold.toFixed(3)}`;
}

async function readLabels(path: string): Promise<string[]> {
  const text = await readTextFile(path, maxLabelsBytes).catch((cause: unknown) => {
    throw new OfframpError('FILE_NOT_FOUND', `--labels: cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}
