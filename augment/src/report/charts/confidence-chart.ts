import { scaleLinear, scaleSqrt } from 'd3-scale';
import type { ExitReport } from '../exit-report.js';
import { integer, percent, threshold } from '../format.js';
import { type Markup, markup } from '../markup.js';
import { type Area, type Chart, plot, round, type Scale } from './frame.js';

const area: Area = { left: 58, right: 420, top: 52, bottom: 238 };
const height = 282;
/** Units between tick labels. */
const tickSpacing = 20;

/**
 * Confidences of an exit for the samples that reach it: agreeing ones above the line, disagreeing ones
 * below, on a square-root scale, which shows small counts beside large ones.
 */
export function confidenceChart(report: ExitReport): Chart {
  const { exit, histogram } = report;
  const most = (kind: 'agree' | 'disagree') => Math.max(1, ...histogram.map((bin) => bin[kind]));
  const x = scaleLinear([0, 1], [area.left, area.right]);
  const y = scaleSqrt([-most('disagree'), most('agree')], [area.bottom, area.top]);
  const zero = round(y(0));
  const bars = histogram.flatMap(({ from, to, agree, disagree }) => {
    const left = round(x(from) + 1);
    const width = round(x(to) - x(from) - 2);
    const tip = `confidence ${from.toFixed(2)} to ${to.toFixed(2)}: ${integer(agree)} agree, ${integer(disagree)} disagree`;
    const bar = (colour: string, top: number, bottom: number) =>
      markup`<rect class="${colour}" x="${left}" width="${width}" y="${round(top)}" height="${round(bottom - top)}"><title>${tip}</title></rect>`;
    return [
      ...(agree ? [bar('f1', y(agree), zero)] : []),
      ...(disagree ? [bar('f2', zero, y(-disagree))] : []),
    ];
  });
  const samples = histogram.reduce((sum, bin) => sum + bin.agree + bin.disagree, 0);
  const title = `Exit ${exit}: confidence of the ${percent(report.reached)} that reach it`;
  return {
    name: `confidence-exit-${exit}`,
    height,
    description: `${title}: ${integer(samples)} samples, threshold ${threshold(report.threshold)}.`,
    content: plot({
      title,
      area,
      x: { title: 'confidence', scale: x, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], format: String },
      y: {
        title: 'samples (square-root scale)',
        scale: y,
        ticks: countTicks(y),
        format: (value) =>
          Math.abs(value) < 1_000 ? String(Math.abs(value)) : `${Math.abs(value) / 1_000} k`,
      },
      marks: [
        markup`<rect class="f1" x="4" y="29" width="11" height="11"/><text x="20" y="39">agrees</text>
<rect class="f2" x="76" y="29" width="11" height="11"/><text x="92" y="39">disagrees</text>
<path class="axis" d="M${area.left},${zero}H${area.right}"/>`,
        ...bars,
        thresholdMark(report.threshold, x),
      ],
    }),
  };
}

function thresholdMark(value: number, x: Scale): Markup {
  if (value > 1) {
    return markup`<text class="soft" text-anchor="end" x="${area.right}" y="39">threshold above 1: none exits</text>`;
  }
  const at = round(x(value));
  const [top, bottom] = [area.top - 7, area.bottom];
  return markup`<line class="under" x1="${at}" x2="${at}" y1="${top}" y2="${bottom}"/>
<line class="threshold" x1="${at}" x2="${at}" y1="${top}" y2="${bottom}"/>
<text text-anchor="end" x="${Math.max(at + 4, 270)}" y="39">exits from ${threshold(value)}</text>`;
}

/** Powers of ten and their halves, in both directions, if there is room for their labels. */
function countTicks(y: Scale): number[] {
  const candidates = [0, ...[6, 5, 4, 3, 2, 1, 0].flatMap((power) => [10 ** power, 5 * 10 ** power])];
  const [lowest = 0, highest = 0] = y.domain();
  const ticks: number[] = [];
  for (const tick of candidates.flatMap((value) => (value === 0 ? [0] : [value, -value]))) {
    const fits = ticks.every((other) => Math.abs(y(other) - y(tick)) >= tickSpacing);
    if (tick >= lowest && tick <= highest && fits) ticks.push(tick);
  }
  return ticks;
}
