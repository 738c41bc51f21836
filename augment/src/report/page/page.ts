import type { Charts } from '../charts/charts.js';
import { type Chart, inlineSvg } from '../charts/frame.js';
import { integer } from '../format.js';
import { type Markup, markup, trusted } from '../markup.js';
import type { Report } from '../report.js';
import { findingsSection } from './findings-section.js';
import { header } from './header.js';
import { pageStyle } from './page-style.js';
import { exitsTable, pointsTable, timesTable, worthTable } from './tables.js';

/** The whole report as one HTML file that needs nothing else: no scripts, no network. */
export function renderPage(report: Report, charts: Charts): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${report.bundle.name}: early exits</title>
<style>${trusted(pageStyle)}</style>
</head>
<body>
<main>
${header(report)}
${findingsSection(report.findings)}
${section(
  'Agreement and accuracy against cost',
  [
    'Each line follows one threshold that all branches share, from 0 (all leave at the first exit) to one that lets nobody leave early. The dots are the shipped thresholds. Costs include the branches.',
    ...timeNotes(report),
  ],
  markup`${figures(charts.cost)}${pointsTable(report)}${report.times.length > 0 ? timesTable(report) : null}`,
)}
${section(
  'What each exit costs and saves',
  [
    'Under the shipped thresholds. What an exit saves: the cascade without it costs so much more, its branch left out and the other thresholds unchanged. Agreement lost: the cascade without it would agree so much more.',
    'Alone: if all samples left there. Tells right from wrong: the chance that of two samples, one on which the exit agrees and one on which it does not, the first has the higher confidence; of those that reach it.',
  ],
  markup`${figures(charts.exits)}${worthTable(report)}${exitsTable(report)}`,
)}
${section(
  'Exits over confidence',
  ['Of the samples that reach each exit under the shipped thresholds. Those right of the dotted line leave.'],
  figures(charts.confidence),
)}
${section(
  'Reliability',
  [
    'A confidence is calibrated if of the samples with confidence 0.9, nine in ten agree with the backbone: dots on the dashed line. The expected calibration error is the mean distance from it over ten bins of equal width, weighted by their samples.',
  ],
  figures(charts.reliability),
)}
</main>
</body>
</html>
`.text;
}

function timeNotes({ times }: Report): string[] {
  const [first] = times;
  if (!first) return ['CPU time was not measured.'];
  return [
    `CPU time: measured here stage by stage on one thread, median of ${integer(first.repetitions)} runs of the whole chain, batch sizes in turns. A policy's time is the sum over exits of the share that leaves there × the time up to there, over the time of the whole chain of stages. The chain stands for the backbone, whose uncut file is not in the bundle; so its branches are in the 100 %.`,
  ];
}

function section(title: string, paragraphs: readonly string[], content: Markup): Markup {
  return markup`<section>
<h2>${title}</h2>
${paragraphs.map((text) => markup`<p class="soft">${text}</p>`)}
${content}
</section>`;
}

const figures = (charts: readonly Chart[]) => markup`<div class="charts">${charts.map(inlineSvg)}</div>`;
