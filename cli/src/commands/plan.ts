import { planBundle } from '@offramp/augment';
import {
  Bundle,
  type PlanInput,
  planSplits,
  recommendSplit,
  type SplitPlan,
  sentInputName,
  smallestInput,
} from '@offramp/bundle';
import { type ConfigOf, defineConfig, OfframpError, readableText, shortDigest } from '@offramp/runtime';
import type { Command } from 'commander';
import { z } from 'zod';
import { configCommand } from '../config-command.js';
import { jsonText } from '../json-text.js';
import { ProgressBar } from '../progress-bar.js';
import { parseBandwidth, parseDuration } from '../quantities.js';
import { formatTable } from '../table.js';
import { formatBytes, formatInteger, formatPercent } from '../units.js';

const slowdown = z.number().positive().max(1e6).default(1);

const definition = defineConfig('plan', {
  bandwidth: z.string().describe('Of the link between device and worker, each way, like 500kbit or 2mbit'),
  rtt: z.string().describe('Round trip between device and worker, like 40ms'),
  deviceSlowdown: slowdown.describe('How many times longer a stage takes on the device than on this machine'),
  workerSlowdown: slowdown.describe('How many times longer a stage takes on the worker than on this machine'),
  sendInput: z
    .boolean()
    .default(false)
    .describe('Plan for devices that may send the input, such as the picture, where that is fewer bytes'),
  thresholds: z
    .array(z.number().nonnegative())
    .optional()
    .meta({ description: 'Thresholds to plan for, one per branch', fallback: "the bundle's own" }),
  repetitions: z
    .number()
    .int()
    .min(3)
    .max(10_000)
    .default(50)
    .describe('Runs of all stages to measure their times by; fewer if they take over a minute'),
  json: z.boolean().default(false).describe('Print the plan, and what it follows from, as JSON'),
});

export function planCommand(): Command {
  return configCommand(
    'plan <bundle>',
    'Choose how many stages a device runs: latency, bytes and cloud cost over a given link',
    definition,
    async (config, directory) => plan(config, directory as string),
  );
}

async function plan(config: ConfigOf<typeof definition>, directory: string): Promise<void> {
  const link = {
    bytesPerSecond: parseBandwidth('--bandwidth', config.bandwidth),
    rttMs: parseDuration('--rtt', config.rtt),
  };
  const bundle = await Bundle.open(directory);
  const given = config.thresholds?.length ?? bundle.branches;
  if (given !== bundle.branches) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--thresholds: expected ${bundle.branches} thresholds, one per branch of the bundle; found ${given}`,
    );
  }
  const progress = new ProgressBar();
  progress.step('measuring stages', config.repetitions);
  const { deviceSlowdown, workerSlowdown, sendInput, thresholds, repetitions } = config;
  const input = await planBundle(bundle, {
    ...{ link, deviceSlowdown, workerSlowdown, sendInput, repetitions },
    ...(thresholds ? { thresholds } : {}),
    onProgress: () => progress.advance(1),
  }).finally(() => progress.stop());
  const plans = planSplits(input);
  const { manifest, digest } = bundle;
  // An agent runs at least one stage. Sending every input is shown for comparison.
  const recommended = recommendSplit(plans.slice(1));
  const inputs = manifest.stages.map((_, stage) => smallestInput(manifest, stage));
  process.stdout.write(
    config.json
      ? `${jsonText({ bundle: { name: manifest.name, digest }, deviceSlowdown, workerSlowdown, ...input, inputs, plans, recommended: recommended.deviceStages })}\n`
      : planText(bundle, config, input, plans, recommended),
  );
}

function planText(
  bundle: Bundle,
  config: ConfigOf<typeof definition>,
  input: PlanInput,
  plans: readonly SplitPlan[],
  recommended: SplitPlan,
): string {
  const { deviceStageMs, exitShares } = input;
  const { manifest, digest } = bundle;
  const usual = plans[manifest.deviceStages];
  const head = ['stages on device', 'p50', 'mean', 'p95', 'sent', 'bytes/offload', 'bytes/sample'];
  const table = formatTable(
    [...head, 'cloud cost', 'samples/s at most', ''].map((text, i, all) => ({
      head: text,
      align: i === all.length - 1 ? ('left' as const) : ('right' as const),
    })),
    plans.map((each) => [
      each.deviceStages === 0 ? `none (${inputWord(bundle)} sent)` : each.deviceStages,
      ...[each.p50Ms, each.meanMs, each.p95Ms].map(formatMs),
      formatPercent(each.offloadShare),
      each.offloadBytes === 0 ? '–' : formatBytes(Math.round(each.offloadBytes)),
      formatBytes(Math.round(each.meanBytes)),
      formatPercent(each.cloudCost),
      formatInteger(each.maxSamplesPerSecond),
      each === recommended ? '← recommended' : '',
    ]),
  );
  return [
    `bundle   ${readableText(manifest.name)} (${shortDigest(digest)}), ${manifest.stages.length} stages, ${manifest.deviceStages} on the device by default`,
    `link     ${config.bandwidth}, ${config.rtt} round trip`,
    `device   ${deviceStageMs.map(formatMs).join(' + ')} for the stages: ${config.deviceSlowdown} × what this machine takes`,
    `exits    ${exitShares.map((share) => formatPercent(share)).join(', ')} of the samples leave`,
    '',
    table,
    '',
    `${recommended.deviceStages} of ${manifest.stages.length}: ${reason(recommended, usual)} (${agentCommand(recommended)})`,
    ...comparison(bundle, plans),
    ...sendingPays(bundle, input, recommended),
    '',
  ].join('\n');
}

/** What else can be done with a sample than to split its way. */
function comparison({ manifest }: Bundle, plans: readonly SplitPlan[]): string[] {
  const [sent, ...others] = plans as [SplitPlan, ...SplitPlan[]];
  const whole = others.pop() as SplitPlan;
  const word = inputWord({ manifest });
  const as = `${sentInputName(smallestInput(manifest, 0))}, ${formatBytes(Math.round(sent.offloadBytes))}`;
  const alternatives = [
    `all on the device ${formatMs(whole.meanMs)}`,
    `every ${word} to the cloud ${formatMs(sent.meanMs)} (${as})`,
    ...(others.length === 0
      ? []
      : [`split ${formatMs(Math.min(...others.map(({ meanMs }) => meanMs)))} at best`]),
  ];
  return [
    `on average: ${alternatives.join(', ')}`,
    ...(recommendSplit(plans) === sent
      ? [`sending every ${word} is best over this link; agents run a stage at least`]
      : []),
  ];
}

/** Where it would be faster to send inputs, and it is not planned for. */
function sendingPays({ manifest }: Bundle, input: PlanInput, recommended: SplitPlan): string[] {
  if (input.sendInput) return [];
  const best = recommendSplit(planSplits({ ...input, sendInput: true }).slice(1));
  if (!best.sendsInput || best.meanMs >= recommended.meanMs) return [];
  const as = `${sentInputName(smallestInput(manifest, best.deviceStages))}, ${formatBytes(Math.round(best.offloadBytes))}`;
  return [
    `faster with --send-input, where ${inputWord({ manifest })}s may leave the device: ${formatMs(best.meanMs)}, sent as ${as} (${agentCommand(best)})`,
  ];
}

function agentCommand({ deviceStages, sendsInput }: SplitPlan): string {
  return `offramp agent --device-stages ${deviceStages}${sendsInput ? ' --send-input' : ''}`;
}

function inputWord({ manifest }: Pick<Bundle, 'manifest'>): string {
  return manifest.input.kind === 'tensor' ? 'input' : 'picture';
}

function reason(recommended: SplitPlan, usual: SplitPlan | undefined): string {
  const mean = `${formatMs(recommended.meanMs)} on average, the fastest or within 5 % of it with the least cloud cost`;
  return !usual || usual === recommended
    ? mean
    : `${mean}; the default, ${usual.deviceStages}, takes ${formatMs(usual.meanMs)}`;
}

const formatMs = (ms: number) => `${Number(ms.toPrecision(3))} ms`;
