import { scaleLinear } from 'd3-scale';
import type { ExitReport } from '../exit-report.js';
import { integer, percent, points } from '../format.js';
import { markup } from '../markup.js';
import { type Area, type Chart, plot, round, shareAxis } from './frame.js';

const area: Area = { left: 58, right: 420, top: 52, bottom: 300 };
const height = 344;

/** Stated against observed agreement of the samples that reach an exit, with 95 % intervals. */
export function reliabilityChart(report: ExitReport): Chart {
  const { exit, reliability } = report;
  const x = scaleLinear([0, 1], [area.left, area.right]);
  const y = shareAxis('observed agreement, %', [0, 1], [area.bottom, area.top]);
  const dots = reliability.map(({ confidence, agreement, interval: [low, high], samples }) => {
    const at = round(x(confidence));
    return markup`<path class="error s1" d="M${at},${round(y.scale(low))}V${round(y.scale(high))}m-4,0h8M${at - 4},${round(y.scale(low))}h8"/>
<circle class="f1" cx="${at}" cy="${round(y.scale(agreement))}" r="4.5"><title>${`states ${percent(confidence)}, observed ${percent(agreement)} of ${integer(samples)}`}</title></circle>`;
  });
  const title = `Exit ${exit}: stated against observed`;
  return {
    name: `reliability-exit-${exit}`,
    height,
    description: `${title}; expected calibration error ${points(report.calibrationError)}.`,
    content: plot({
      title,
      area,
      x: { title: 'confidence', scale: x, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], format: String },
      y,
      marks: [
        markup`<text class="soft" x="4" y="38">expected calibration error ${points(report.calibrationError)}; bars: 95 % interval</text>
<path class="guide" d="M${area.left},${area.bottom}L${area.right},${area.top}"/>
<text class="soft" x="${area.left + 10}" y="${area.top + 16}">more often right than stated</text>
<text class="soft" text-anchor="end" x="${area.right - 6}" y="${area.bottom - 10}">over-confident</text>`,
        ...dots,
      ],
    }),
  };
}
