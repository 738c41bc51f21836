import { line } from 'd3-shape';
import { percent } from '../format.js';
import { type Markup, markup } from '../markup.js';
import type { PolicyOutcome } from '../policy-outcome.js';
import type { Report } from '../report.js';
import { type Area, type Chart, clipped, plot, round, shareAxis } from './frame.js';

type Quality = 'agreement' | 'accuracy';

const area: Area = { left: 58, right: 420, top: 52, bottom: 268 };
const height = 312;

interface Series {
  name: string;
  index: 1 | 2 | 3;
  cost(point: PolicyOutcome): number;
}

/** The measures of cost that a report has: MACs, and CPU time for the first two batch sizes. */
function seriesOf({ times }: Report): Series[] {
  return [
    { name: 'MACs', index: 1, cost: (point) => point.cost },
    ...times.slice(0, 2).map(
      ({ batchSize }, i): Series => ({
        name: `CPU, batch ${batchSize}`,
        index: i === 0 ? 2 : 3,
        cost: (point) => point.cpuCosts[i] as number,
      }),
    ),
  ];
}

/**
 * Agreement or accuracy against every measure of cost, over thresholds that all branches share; the shipped
 * thresholds and the exits alone are marked.
 * @param from lower end of the quality axis; default: the curve's start
 */
export function costChart(
  report: Report,
  quality: Quality,
  name: string,
  title: string,
  from?: number,
): Chart {
  const series = seriesOf(report);
  const of = (point: Pick<PolicyOutcome, Quality>) => point[quality] ?? 0;
  const values = [...report.curve, report.shipped].map(of);
  const lowest = Math.max(0, from ?? 0, Math.floor(Math.min(...values) * 50) / 50);
  const highest = quality === 'agreement' ? 1 : Math.min(1, Math.max(...values) + 0.01);
  // Start at the last point below the axis, so that the line begins at the edge.
  const first = report.curve.findLastIndex((point) => of(point) < lowest);
  const visible = report.curve.slice(Math.max(0, first));
  const costs = series.flatMap(({ cost }) => [...visible, report.shipped].map(cost));
  const leftEnd = Math.max(0, Math.floor((Math.min(...costs) - 0.02) * 10) / 10);
  const x = shareAxis(
    'cost, % of the whole backbone',
    [leftEnd, Math.max(1, ...costs)],
    [area.left, area.right],
  );
  const y = shareAxis(
    `${quality}${quality === 'agreement' ? ' with the backbone' : ''}, %`,
    [lowest, highest],
    [area.bottom, area.top],
  );
  const at = (point: PolicyOutcome, { cost }: Series): [number, number] => [
    round(x.scale(cost(point))),
    round(y.scale(of(point))),
  ];
  const curves = series.map((one) => {
    const path = line()(visible.map((point) => at(point, one)));
    return markup`<path class="line s${one.index} d${one.index}" d="${path ?? ''}"/>`;
  });
  const marks = series.map((one) => {
    const [cx, cy] = at(report.shipped, one);
    return markup`<circle class="shipped f${one.index}" cx="${cx}" cy="${cy}" r="6"><title>${`shipped: ${quality} ${percent(of(report.shipped), 2)} at ${percent(one.cost(report.shipped))} (${one.name})`}</title></circle>`;
  });
  const guide = quality === 'accuracy' ? backboneGuide(report.backboneAccuracy, y.scale) : null;
  return {
    name,
    height,
    description: `${title}. Shipped thresholds: ${quality} ${percent(of(report.shipped), 2)} at ${percent(report.shipped.cost)} of the MACs.`,
    content: plot({
      title,
      area,
      x,
      y,
      marks: [legend(series), ...(guide ? [guide] : []), clipped(area, curves), ...marks],
    }),
  };
}

function backboneGuide(accuracy: number | null, scale: (value: number) => number): Markup | null {
  if (accuracy === null) return null;
  const at = round(scale(accuracy));
  return markup`<line class="guide" x1="${area.left}" x2="${area.right}" y1="${at}" y2="${at}"/>
<text class="halo soft" x="${area.left + 4}" y="${at - 6}">backbone ${percent(accuracy, 2)}</text>`;
}

function legend(series: readonly Series[]): Markup {
  let x = 4;
  const items = series.map(({ name, index }) => {
    const start = x;
    x += 34 + name.length * 6.8 + 14;
    return markup`<path class="line s${index} d${index}" d="M${round(start)},34h24"/><text x="${round(start + 30)}" y="38">${name}</text>`;
  });
  return markup`${items}<circle class="shipped" style="fill: var(--soft)" cx="${round(x + 4)}" cy="34" r="5"/><text x="${round(x + 13)}" y="38">shipped</text>`;
}
