// Processor share and memory against the number of devices.
import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { plot, round, svgFile } from '../../../../augment/dist/report/charts/frame.js';
import { markup } from '../../../../augment/dist/report/markup.js';

const panelHeight = 216;
const headHeight = 34;
const looks = { controller: 'line', nats: 'line s2 d2' };
const strong = 'stroke: var(--mark); stroke-width: 3';
const names = { controller: 'controller', nats: 'NATS server' };

/** @returns an SVG file */
export function scalePlot(rows) {
  const panels = [
    { title: 'processor', unit: 'share of one core, %', of: (row, who) => 100 * row[`${who}Cpu`] },
    { title: 'memory', unit: 'resident, MiB', of: (row, who) => row[`${who}Bytes`] / 2 ** 20 },
  ].map(({ title, unit, of }, i) => {
    const area = { left: 58, right: 420, top: 30, bottom: 160 };
    const x = scaleLinear([0, Math.max(...rows.map(({ devices }) => devices))], [area.left, area.right]);
    const most = Math.max(...rows.flatMap((row) => Object.keys(looks).map((who) => of(row, who))));
    const y = scaleLinear([0, most], [area.bottom, area.top]).nice();
    const marks = Object.entries(looks).map(([who, look]) => {
      const points = rows.map((row) => [round(x(row.devices)), round(y(of(row, who)))]);
      const style = who === 'controller' ? strong : '';
      return markup`<path class="${look}" style="${style}" d="${line()(points)}"/>${points.map(
        ([cx, cy]) => markup`<circle cx="${cx}" cy="${cy}" r="2.5" style="fill: var(--ink)"/>`,
      )}`;
    });
    return markup`<g transform="translate(0 ${headHeight + i * panelHeight})">${plot({
      ...{ title, area, marks },
      x: { title: 'devices', scale: x, format: String },
      y: { title: unit, scale: y, format: String },
    })}</g>`;
  });
  const legend = Object.entries(looks).map(([who, look], i) => {
    const at = 4 + i * 200;
    return markup`<path class="${look}" style="${who === 'controller' ? strong : ''}" d="M${at},14h24"/><text x="${at + 30}" y="18">${names[who]}</text>`;
  });
  return svgFile({
    name: 'scale',
    description:
      'Processor share and memory of one controller and of the NATS server, over the number of devices',
    height: headHeight + panels.length * panelHeight,
    content: markup`${legend}${panels}`,
  });
}
