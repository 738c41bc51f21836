import type { Charts } from '../charts/charts.js';
import { type Chart, inlineSvg } from '../charts/frame.js';
import { integer } from '../format.js';
import { type Markup, markup, trusted } from '../markup.js';
import type { Report } from '../report.js';
import { findingsSection } from './findings-section.js';
import { header } from './header.js';
import { pageStyle } from './page-style.js';
import { exitsTable, pointsTable, timesTable, worthTable } from './tables.js';

/** The report as one self-contained HTML file, without scripts or network. */
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
    'Each line follows one threshold that all branches share, from 0 (all samples exit at the first branch) to one above 1 (no early exits). The dots are the shipped thresholds. Costs include the branches.',
    ...timeNotes(report),
  ],
  markup`${figures(charts.cost)}${pointsTable(report)}${report.times.length > 0 ? timesTable(report) : null}`,
)}
${section(
  'What each exit costs and saves',
  [
    'Under the shipped thresholds. Exit saves: how much more the cascade would cost without this exit and its branch, with the other thresholds unchanged. Agreement lost: how much more the cascade would agree without it.',
    'Alone: if all samples exited there. Separates right from wrong: the chance that of two samples that reach the exit, one on which it agrees and one on which it does not, the first has the higher confidence.',
  ],
  markup`${figures(charts.exits)}${worthTable(report)}${exitsTable(report)}`,
)}
${section(
  'Exits over confidence',
  [
    'Confidences of the samples that reach each exit under the shipped thresholds. Samples to the right of the dotted line exit.',
  ],
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
    `CPU time: measured here stage by stage on one thread, median of ${integer(first.repetitions)} runs of the whole chain, batch sizes in turns. A policy's time is the sum over exits of the share of samples × the time up to the exit, over the time of the whole chain of stages. The chain represents the backbone, whose uncut file is not in the bundle, so the 100 % include the branches.`,
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
