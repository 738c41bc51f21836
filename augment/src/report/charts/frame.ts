import { type ScaleContinuousNumeric, scaleLinear } from 'd3-scale';
import { type Markup, markup, trusted } from '../markup.js';
import { chartStyle, colourScheme } from './chart-style.js';

/** Units of the drawing: about a phone's width, so that texts stay readable there. */
export const chartWidth = 440;

export interface Chart {
  /** The name of the SVG file, without its ending. */
  name: string;
  /** For screen readers. */
  description: string;
  height: number;
  content: Markup;
}

export interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export type Scale = ScaleContinuousNumeric<number, number>;

export interface AxisOptions {
  title: string;
  scale: Scale;
  format(value: number): string;
  /** Default: about five, chosen by the scale. */
  ticks?: readonly number[];
}

/** An SVG element for a page with {@link chartStyle}. */
export function inlineSvg({ content, description, height }: Chart): Markup {
  return markup`<svg class="chart" viewBox="0 0 ${chartWidth} ${height}" role="img" aria-label="${description}">${content}</svg>`;
}

/** A self-contained SVG file. */
export function svgFile({ content, description, height }: Chart): string {
  const style = trusted(`${colourScheme('svg')}${chartStyle}`);
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${chartWidth} ${height}" width="${chartWidth}" height="${height}" role="img">
<title>${description}</title>
<style>${style}</style>
<rect width="100%" height="100%" style="fill: var(--paper)"/>
${content}
</svg>
`.text;
}

/** Title, grid, axes with titles and units; `marks` go above the grid. */
export function plot(options: {
  title: string;
  area: Area;
  x: AxisOptions;
  y: AxisOptions;
  marks: readonly Markup[];
}): Markup {
  const { area, x, y } = options;
  const xTicks = x.ticks ?? x.scale.ticks(5);
  const yTicks = y.ticks ?? y.scale.ticks(5);
  const middle = (area.top + area.bottom) / 2;
  return markup`<text class="title" x="4" y="17">${options.title}</text>
<g class="grid">${yTicks.map((tick) => {
    const at = round(y.scale(tick));
    return markup`<line x1="${area.left}" x2="${area.right}" y1="${at}" y2="${at}"/>`;
  })}</g>
${options.marks}
<path class="axis" d="M${area.left},${area.bottom}H${area.right}"/>
${xTicks.map(
  (tick) =>
    markup`<text class="soft" text-anchor="middle" x="${round(x.scale(tick))}" y="${area.bottom + 17}">${x.format(tick)}</text>`,
)}
${yTicks.map(
  (tick) =>
    markup`<text class="soft" text-anchor="end" x="${area.left - 7}" y="${round(y.scale(tick) + 4)}">${y.format(tick)}</text>`,
)}
<text text-anchor="middle" x="${(area.left + area.right) / 2}" y="${area.bottom + 36}">${x.title}</text>
<text text-anchor="middle" transform="translate(14 ${middle}) rotate(-90)">${y.title}</text>`;
}

/** Marks clipped to the area, plus the width of a line. */
export function clipped({ left, right, top, bottom }: Area, marks: readonly Markup[]): Markup {
  const [x, y, width, height] = [left, top - 3, right - left + 3, bottom - top + 3];
  return markup`<svg x="${x}" y="${y}" width="${width}" height="${height}" viewBox="${x} ${y} ${width} ${height}">${marks}</svg>`;
}

/** An axis of shares in per cent, with only the decimals that its ticks need. */
export function shareAxis(title: string, domain: [number, number], range: [number, number]): AxisOptions {
  const scale = scaleLinear(domain, range);
  const ticks = scale.ticks(5);
  const step = ((ticks[1] as number) - (ticks[0] as number)) * 100;
  const digits = step >= 0.999 ? 0 : step >= 0.0999 ? 1 : 2;
  return { title, scale, ticks, format: (value) => (value * 100).toFixed(digits) };
}

/** Coordinates with a tenth of a unit. */
export const round = (value: number) => Math.round(value * 10) / 10;
