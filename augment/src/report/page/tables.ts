import { percent, points, significant, threshold } from '../format.js';
import { type Markup, markup } from '../markup.js';
import type { PolicyOutcome } from '../policy-outcome.js';
import type { Report } from '../report.js';

type Cell = string | Markup;

/** Outcomes of thresholds: the shipped ones, then thresholds that all branches share. */
export function pointsTable(report: Report): Markup {
  const { shipped, points: shared, times } = report;
  const labelled = report.backboneAccuracy !== null;
  const row = (name: Cell, point: PolicyOutcome): Cell[] => [
    name,
    ...(labelled ? [percent(point.accuracy ?? 0, 2)] : []),
    percent(point.agreement, 2),
    percent(point.cost),
    ...point.cpuCosts.map((cost) => percent(cost)),
    percent(point.onDevice),
    ...point.exitShares.map((share) => percent(share)),
  ];
  return table(
    [
      'threshold',
      ...(labelled ? ['accuracy'] : []),
      'agreement',
      'MACs',
      ...times.map(({ batchSize }) => `CPU, batch\u00a0${batchSize}`),
      'on device',
      ...shipped.exitShares.map((_, exit) =>
        exit === shipped.exitShares.length - 1 ? 'final' : `exit ${exit}`,
      ),
    ],
    [row('shipped', shipped), ...shared.map((point) => row(threshold(point.thresholds[0] as number), point))],
    0,
  );
}

/** What each exit costs and saves. */
export function worthTable({ exits }: Report): Markup {
  const inPoints = (share: number, digits?: number) => points(share, digits).replace(' points', '');
  return table(
    [
      'exit',
      'threshold',
      'reached by',
      'leave',
      'of them disagree',
      'branch costs',
      'exit saves, points',
      'agreement lost, points',
      'saved per point lost',
    ],
    exits.map(({ exit, reached, left, leavers, branchCost, saving, agreementLost, ...report }) => [
      String(exit),
      threshold(report.threshold),
      percent(reached),
      percent(left),
      leavers.samples === 0 ? '–' : percent(leavers.disagreements / leavers.samples, 2),
      percent(branchCost, 3),
      saving < 0
        ? markup`<span class="flag">${inPoints(saving)}: costs more than it saves</span>`
        : inPoints(saving),
      inPoints(agreementLost),
      agreementLost > 0 ? inPoints(saving / agreementLost / 100, 1) : '–',
    ]),
  );
}

/** Structure and place of the exits, and the quality of each alone. */
export function exitsTable({ exits, backboneAccuracy }: Report): Markup {
  const labelled = backboneAccuracy !== null;
  return table(
    [
      'exit',
      'agreement alone',
      ...(labelled ? ['accuracy alone'] : []),
      'cost',
      'calibration error, points',
      'separates right from wrong',
      'body',
      'cut point',
    ],
    exits.map(({ exit, alone, cost, calibrationError, discrimination, body, cutPoint }) => [
      String(exit),
      percent(alone.agreement),
      ...(labelled ? [percent(alone.accuracy ?? 0)] : []),
      percent(cost),
      points(calibrationError).replace(' points', ''),
      discrimination === null ? '–' : percent(discrimination),
      body,
      cutPoint,
    ]),
  );
}

/** Measured time up to each exit. */
export function timesTable({ times, costs }: Report): Markup {
  const last = costs.length - 1;
  return table(
    [
      'exit',
      'MACs',
      ...times.flatMap(({ batchSize }) => [
        `CPU ms, batch\u00a0${batchSize}`,
        `wall ms, batch\u00a0${batchSize}`,
        `CPU of the whole, batch\u00a0${batchSize}`,
      ]),
    ],
    costs.map((cost, exit) => [
      exit === last ? 'final' : String(exit),
      percent(cost),
      ...times.flatMap((time) => [
        significant(time.cpuMs[exit] as number),
        significant(time.wallMs[exit] as number),
        percent(time.costs[exit] as number),
      ]),
    ]),
  );
}

function table(heads: readonly string[], rows: readonly (readonly Cell[])[], shippedRow = -1): Markup {
  return markup`<div class="scroll" tabindex="0"><table>
<thead><tr>${heads.map((head) => markup`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows.map(
    (
      cells,
      i,
    ) => markup`<tr${i === shippedRow ? markup` class="shipped"` : null}>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}
