// Mean and median latency against bandwidth, a panel for each round trip.
import { scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import { plot, round, svgFile } from '../../../augment/dist/report/charts/frame.js';
import { markup } from '../../../augment/dist/report/markup.js';

const panelHeight = 236;
const headHeight = 58;
const looks = {
  device: 'line s1',
  cloud: 'line s2 d2',
  split: 'line s3 d3',
  offramp: 'line',
};
const strong = 'stroke: var(--mark); stroke-width: 3';

/** @returns an SVG file */
export function linkPlot({ cells, names, deviceSlowdown }) {
  const rtts = [...new Set(cells.map(({ rttMs }) => rttMs))];
  const bandwidths = [...new Set(cells.map(({ mbit }) => mbit))];
  const values = cells.flatMap(({ variants }) => Object.values(variants).map(({ meanMs }) => meanMs));
  const domain = [Math.min(...values) * 0.8, Math.max(...values) * 1.25];
  const panels = rtts.map((rttMs, i) => {
    const top = headHeight + i * panelHeight;
    const area = { left: 58, right: 420, top: 30, bottom: 176 };
    const x = scaleLog([Math.min(...bandwidths), Math.max(...bandwidths)], [area.left, area.right]);
    const y = scaleLog(domain, [area.bottom, area.top]);
    const marks = Object.entries(looks).map(([name, look]) => {
      const points = cells
        .filter((cell) => cell.rttMs === rttMs)
        .map(({ mbit, variants }) => [round(x(mbit)), round(y(variants[name].meanMs))]);
      return markup`<path class="${look}" style="${name === 'offramp' ? strong : ''}" d="${line()(points)}"/>`;
    });
    const ticks = [1, 3, 10, 30, 100, 300, 1000, 3000].filter(
      (tick) => tick >= domain[0] && tick <= domain[1],
    );
    return markup`<g transform="translate(0 ${top})">${plot({
      title: `round trip ${rttMs} ms`,
      area,
      x: { title: 'bandwidth, Mbit/s', scale: x, ticks: bandwidths, format: String },
      y: { title: 'mean latency, ms', scale: y, ticks, format: String },
      marks,
    })}</g>`;
  });
  const legend = Object.entries(looks).map(([name, look], i) => {
    const at = [4 + (i % 2) * 200, 18 + Math.floor(i / 2) * 20];
    return markup`<path class="${look}" style="${name === 'offramp' ? strong : ''}" d="M${at[0]},${at[1] - 4}h24"/><text x="${at[0] + 30}" y="${at[1]}">${names[name]}</text>`;
  });
  return svgFile({
    name: 'link',
    description: `Mean latency over bandwidth and round trip, device ${deviceSlowdown} times slower: Offramp against all on device, all in cloud, and a split without exits`,
    height: headHeight + rtts.length * panelHeight,
    content: markup`${legend}${panels}`,
  });
}
