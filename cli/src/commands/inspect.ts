import { stat } from 'node:fs/promises';
import {
  type BackboneProfile,
  branchProblem,
  inspectConfig,
  loadBackbone,
  usualPreprocessing,
} from '@offramp/augment';
import { formatShape } from '@offramp/bundle';
import { readableText, shortText } from '@offramp/runtime';
import type { Command } from 'commander';
import { configCommand } from '../config-command.js';
import { bundleInspection } from '../inspect-bundle.js';
import { jsonText } from '../json-text.js';
import { formatTable } from '../table.js';
import { formatBytes, formatCount } from '../units.js';

/** Limit of a tensor's name in text, in characters. */
const maxNameLength = 100;

export function inspectCommand(): Command {
  return configCommand(
    'inspect <model>',
    "Show where an ONNX classifier can be cut and what each part costs; of a bundle's folder, what activations and pictures take",
    inspectConfig,
    async (config, model) => {
      if (await isFolder(model ?? '')) {
        console.log(await bundleInspection(model ?? '', config.json));
        return;
      }
      const { inputShape, inputKind: kind, layout, output } = config;
      const { profile } = await loadBackbone(model ?? '', { inputShape, kind, layout, output });
      console.log(config.json ? inspectionJson(profile) : inspectionText(profile, config.all));
    },
  );
}

const isFolder = async (path: string) => (await stat(path).catch(() => null))?.isDirectory() === true;

function inspectionJson(profile: BackboneProfile): string {
  const { model, ...facts } = profile;
  return jsonText({ model: model.where, opset: (model.older ?? model).opset, ...facts }, 2);
}

/**
 * A backbone as text: its properties, then a table of cut points.
 * @param all includes cut points that cost as much as another with a smaller activation
 */
export function inspectionText(profile: BackboneProfile, all: boolean): string {
  const { model, input, output, macs, parameters, uncounted, cutPoints, gaps } = profile;
  const shown = all ? cutPoints : smallestOfEachCost(cutPoints);
  const left = cutPoints.length - shown.length;
  const problem = branchProblem(profile);
  const table = formatTable(
    [
      { head: 'cut point' },
      { head: 'shape', align: 'right' },
      { head: 'MACs', align: 'right' },
      { head: 'of all', align: 'right' },
      { head: 'activation', align: 'right' },
    ],
    shown.map(({ tensor, shape, cumulativeMacs, activationBytes, stored }) => [
      nameText(tensor),
      formatShape(shape),
      formatCount(cumulativeMacs),
      shareOf(cumulativeMacs, macs),
      `${formatBytes(activationBytes)}${stored ? `, ${stored.quantisation?.type ?? stored.type}` : ''}`,
    ]),
  );
  return [
    `${model.where}: ${formatCount(macs)} MACs, ${formatCount(parameters)} parameters, opset ${opsetText(model)}`,
    `input ${ownInputText(input)}, output ${nameText(output.name)} ${output.classes} ${output.kind}${output.oneScore ? ', of one score: that of the second class' : ''}`,
    samplesText(input),
    ...(uncounted.length > 0
      ? [`not counted, as they cannot be seen into: ${uncounted.map(nameText).join(', ')}`]
      : []),
    '',
    table,
    ...(left > 0
      ? ['', `${left} of ${cutPoints.length} cut points cost the same as one shown; --all shows them, too`]
      : []),
    ...(gaps.length > 0 ? ['', ...gaps.map((gap) => gapText(gap, macs))] : []),
    ...(problem === null
      ? []
      : [
          '',
          `augment attaches no branches: ${readableText(problem)}; --branches 0 writes the whole model as one stage`,
        ]),
  ].join('\n');
}

/** A sample in the model's own layout. */
function ownInputText(input: BackboneProfile['input']): string {
  const { name, shape, type } = input;
  const [channels, height, width] = shape as [number, number, number];
  const own = isTransposed(input) ? [height, width, channels] : shape;
  return `${nameText(name)} ${formatShape(own)}${type === 'float32' ? '' : ` ${type}`}`;
}

/** The samples that `augment` accepts, and how it converts them. */
function samplesText(input: BackboneProfile['input']): string {
  const { kind, shape, type } = input;
  const isPicture = kind === 'picture';
  const done = [
    ...(isTransposed(input) ? ['transposes them to channels last'] : []),
    ...(type === 'float32' ? [] : [`${type.includes('int') ? 'rounds' : 'converts'} them to ${type}`]),
  ];
  const remarks = [
    ...(isPicture && !usualPreprocessing(input) ? [] : ['--mean and --std are not needed']),
    ...(isPicture && shape[0] === 1
      ? ['with --input-kind tensor it takes numbers of any range, from NumPy files']
      : []),
  ];
  const taken = isPicture
    ? `pictures of ${formatShape(shape)}`
    : `tensors of ${formatShape(shape)} from NumPy files`;
  const steps = [`takes ${taken}`, ...done];
  const last = steps.pop() as string;
  const first = steps.length > 0 ? `${steps.join(', ')} and ${last}` : last;
  return [`augment ${first}`, ...remarks].join('; ');
}

function isTransposed({ kind, layout }: BackboneProfile['input']): boolean {
  return kind === 'picture' && layout === 'channels-last';
}

/** A tensor's name, shortened and printable. `--json` has the full name. */
const nameText = (name: string) => readableText(shortText(name, maxNameLength)).replaceAll('\n', '\\n');

function opsetText({ opset, older }: BackboneProfile['model']): string {
  return older ? `${older.opset}, brought to ${opset}` : `${opset}`;
}

function gapText({ from, to, macs, bridges }: BackboneProfile['gaps'][number], all: number): string {
  const place = `between ${nameText(from ?? 'the input')} and ${nameText(to ?? 'the output')} (${shareOf(macs, all)} of all MACs)`;
  const why = bridges.map(({ tensor, reader }) => `${nameText(reader)} reads ${nameText(tensor)}`).join('; ');
  return `no cut point ${place}: ${why}`;
}

function shareOf(macs: number, all: number): string {
  return `${((100 * macs) / Math.max(all, 1)).toFixed(1)} %`;
}

/** Of neighbours with equal cost, keeps the one with the smallest activation, the last if several. */
function smallestOfEachCost(cutPoints: BackboneProfile['cutPoints']): BackboneProfile['cutPoints'] {
  const shown: BackboneProfile['cutPoints'] = [];
  for (const cutPoint of cutPoints) {
    const last = shown.at(-1);
    if (last?.cumulativeMacs !== cutPoint.cumulativeMacs) shown.push(cutPoint);
    else if (cutPoint.activationBytes <= last.activationBytes) shown[shown.length - 1] = cutPoint;
  }
  return shown;
}
