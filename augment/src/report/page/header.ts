import { count, integer, keepUnits, percent } from '../format.js';
import { type Markup, markup } from '../markup.js';
import type { Report } from '../report.js';

/** Bundle, data, machine and time of the evaluation, and four key figures. */
export function header(report: Report): Markup {
  const { bundle, machine, shipped, goal } = report;
  const facts: [string, string | Markup][] = [
    ['Bundle', markup`${bundle.name} <code>${bundle.digest}</code>`],
    [
      'Backbone',
      `${bundle.backbone.file}, ${count(bundle.backbone.macs)} MACs, ${count(bundle.backbone.parameters)} parameters`,
    ],
    [
      'Exits',
      `${report.exits.length} and the final one; a device runs ${bundle.deviceStages} of ${report.costs.length} stages by default`,
    ],
    [
      'Data',
      `${report.data}; ${integer(report.samples)} samples${report.backboneAccuracy === null ? ', without labels' : ''}`,
    ],
    ['Trained on', bundle.trainedOn],
    [
      'Machine',
      `${machine.cpu}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}, ${machine.platform}; Node.js ${machine.nodeVersion}, ONNX Runtime ${machine.onnxruntimeVersion}`,
    ],
    ['Created', `${report.createdAt.slice(0, 16).replace('T', ' ')} UTC`],
  ];
  const figures: [string, string][] = [
    [percent(shipped.agreement, 2), `agreement with the backbone; ${percent(goal.agreement)} was wanted`],
    ...(shipped.accuracy === null || report.backboneAccuracy === null
      ? []
      : [
          [
            percent(shipped.accuracy, 2),
            `accuracy; ${percent(report.backboneAccuracy, 2)} for the backbone`,
          ] as [string, string],
        ]),
    [percent(shipped.cost), 'of the MACs, branches included'],
    ...report.times.map(({ batchSize }, i): [string, string] => [
      percent(shipped.cpuCosts[i] as number),
      `of the CPU time, batch ${batchSize}`,
    ]),
    [percent(shipped.onDevice), "answered on the device's stages"],
  ];
  return markup`<header>
<h1>${bundle.name}: evaluation of early exits</h1>
<dl class="about">${facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${typeof value === 'string' ? keepUnits(value) : value}</dd>`)}</dl>
<ul class="figures">${figures.map(([value, name]) => markup`<li><b>${keepUnits(value)}</b><span>${keepUnits(name)}</span></li>`)}</ul>
</header>`;
}
