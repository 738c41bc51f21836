import { scaleLinear } from 'd3-scale';
import { type Markup, markup } from '../markup.js';
import { type Chart, chartWidth, round } from './frame.js';

/** One bar of a group. Groups are drawn below each other. */
export interface Bar {
  /** Colour of the series, 1 to 3. */
  series: 1 | 2 | 3;
  value: number;
  /** Text at the end of the bar. */
  label: string;
}

export interface BarGroup {
  name: string;
  bars: readonly Bar[];
}

const left = 76;
/** Kept free for the labels. */
const right = chartWidth - 74;
const barHeight = 14;
const groupGap = 12;

/** Horizontal bars in groups, one group per exit; negative ones go left. */
export function exitBars(options: {
  name: string;
  title: string;
  description: string;
  groups: readonly BarGroup[];
  /** Names of the series, in the order of their bars; empty for a single series. */
  legend: readonly string[];
}): Chart {
  const values = options.groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const lowest = Math.min(0, ...values);
  const highest = Math.max(0, ...values);
  const scale = scaleLinear(
    [lowest, highest === lowest ? lowest + 1 : highest],
    [lowest < 0 ? left + 70 : left, right],
  );
  const zero = round(scale(0));
  let y = options.legend.length > 0 ? 54 : 34;
  const top = y;
  const groups = options.groups.map(({ name, bars }): Markup => {
    const middle = y + (bars.length * barHeight) / 2 + 4.5;
    const drawn = bars.map(({ series, value, label }, i) => {
      const [start, end] = [scale(Math.min(0, value)), scale(Math.max(0, value))].map(round) as [
        number,
        number,
      ];
      const at = y + i * barHeight;
      const text =
        value < 0
          ? markup`<text text-anchor="end" x="${start - 5}" y="${at + 11}">${label}</text>`
          : markup`<text x="${end + 5}" y="${at + 11}">${label}</text>`;
      return markup`<rect class="f${series}" x="${start}" width="${Math.max(0.8, round(end - start))}" y="${at + 1}" height="${barHeight - 2}"/>${text}`;
    });
    y += bars.length * barHeight + groupGap;
    return markup`<text text-anchor="end" x="${left - 8}" y="${middle}">${name}</text>${drawn}`;
  });
  let legendX = 4;
  const legend = options.legend.map((name, i) => {
    const at = legendX;
    legendX += 34 + name.length * 6.9;
    return markup`<rect class="f${i + 1}" x="${round(at)}" y="29" width="11" height="11"/><text x="${round(at + 16)}" y="39">${name}</text>`;
  });
  return {
    name: options.name,
    description: options.description,
    height: y,
    content: markup`<text class="title" x="4" y="17">${options.title}</text>${legend}${groups}
<path class="axis" d="M${zero},${top - 4}V${y - groupGap + 4}"/>`,
  };
}
