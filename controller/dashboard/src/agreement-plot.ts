import type { AgreementPoint } from './fleet-state.js';

/** Paths of the chart of agreement, in a box of `width` × `height`. */
export interface AgreementPlot {
  /** The estimate, and the area down to the lower bound. */
  line: string;
  band: string;
  /** Height of the goal; `null`: there is none. */
  goalY: number | null;
  ticks: { y: number; share: number }[];
}

const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** @param points in order of time; at least one */
export function plotAgreement(
  points: readonly AgreementPoint[],
  floor: number | null,
  width: number,
  height: number,
): AgreementPlot {
  const shown = points.flatMap(({ agreement, bound }) => [agreement, bound]);
  const lowest = Math.min(...shown, floor ?? 1, 0.995);
  const step = steps.find((candidate) => (1 - lowest) / candidate <= 4.5) ?? 0.5;
  const low = Math.max(0, 1 - step * Math.ceil((1 - lowest) / step + 0.2));
  const firstMs = points[0]?.atMs ?? 0;
  const spanMs = Math.max(1, (points.at(-1)?.atMs ?? 0) - firstMs);
  const x = (atMs: number) => round(points.length === 1 ? width : ((atMs - firstMs) / spanMs) * width);
  const y = (share: number) => round(height - ((share - low) / (1 - low)) * height);
  const path = (of: (point: AgreementPoint) => number, from: readonly AgreementPoint[]) =>
    from.map((point) => `${x(point.atMs)} ${y(of(point))}`).join(' L ');
  // A single point is drawn as a level line.
  const lead = points.length === 1 && points[0] ? `0 ${y(points[0].agreement)} L ` : '';
  const tail = points.length === 1 && points[0] ? ` L 0 ${y(points[0].bound)}` : '';
  const line = `M ${lead}${path(({ agreement }) => agreement, points)}`;
  const band = `${line} L ${path(({ bound }) => bound, [...points].reverse())}${tail} Z`;
  const ticks: AgreementPlot['ticks'] = [];
  for (let share = 1; share >= low - 1e-9; share -= step) ticks.push({ y: y(share), share });
  return { line, band, goalY: floor === null ? null : y(floor), ticks };
}

const round = (value: number) => Math.round(value * 10) / 10;
