import { percent, points } from '../format.js';
import type { Report } from '../report.js';
import { confidenceChart } from './confidence-chart.js';
import { costChart } from './cost-chart.js';
import { type BarGroup, exitBars } from './exit-bars.js';
import type { Chart } from './frame.js';
import { reliabilityChart } from './reliability-chart.js';

/** Every chart of a report, by section. */
export interface Charts {
  cost: Chart[];
  exits: Chart[];
  confidence: Chart[];
  reliability: Chart[];
}

export function drawCharts(report: Report): Charts {
  return {
    cost: [
      costChart(report, 'agreement', 'agreement-cost', 'Agreement against cost'),
      ...closeUp(report),
      ...(report.shipped.accuracy === null
        ? []
        : [
            costChart(
              report,
              'accuracy',
              'accuracy-cost',
              'Accuracy against cost, close up',
              (report.backboneAccuracy ?? 1) - (1 - closeUpFrom(report)),
            ),
          ]),
      exitCostChart(report),
    ],
    exits: [leavingChart(report), savingChart(report)],
    confidence: report.exits.map(confidenceChart),
    reliability: report.exits.map(reliabilityChart),
  };
}

/** Added if the whole curve shows too little detail. */
function closeUp(report: Report): Chart[] {
  const from = closeUpFrom(report);
  return report.curve.every(({ agreement }) => agreement >= from)
    ? []
    : [costChart(report, 'agreement', 'agreement-cost-close', 'Agreement against cost, close up', from)];
}

/** The close-up shows the loss of agreement, and twice as much below. */
function closeUpFrom({ shipped, goal }: Report): number {
  const lost = 1 - Math.min(shipped.agreement, goal.agreement);
  return Math.max(0, 1 - Math.max(0.02, Math.ceil(lost * 3 * 50) / 50));
}

const exitName = (exit: number, exits: readonly unknown[]) =>
  exit === exits.length ? 'final' : `exit ${exit}`;

function exitCostChart({ costs, times, exits }: Report): Chart {
  const measured = times.slice(0, 2);
  return exitBars({
    name: 'exit-cost',
    title: 'Cost up to each exit, % of the whole',
    description: `Cost up to each exit in MACs${measured.length > 0 ? ' and in CPU time' : ''}.`,
    legend: ['MACs', ...measured.map(({ batchSize }) => `CPU, batch ${batchSize}`)],
    groups: costs.map((cost, exit) => ({
      name: exitName(exit, exits),
      bars: [
        { series: 1 as const, value: cost, label: percent(cost) },
        ...measured.map((time, i) => ({
          series: i === 0 ? (2 as const) : (3 as const),
          value: time.costs[exit] as number,
          label: percent(time.costs[exit] as number),
        })),
      ],
    })),
  });
}

function leavingChart({ shipped, exits }: Report): Chart {
  return exitBars({
    name: 'leaving',
    title: 'Samples by exit, % of all',
    description: `Shares of samples by exit: ${shipped.exitShares.map((share) => percent(share)).join(', ')}.`,
    legend: [],
    groups: shipped.exitShares.map(
      (share, exit): BarGroup => ({
        name: exitName(exit, exits),
        bars: [{ series: 1, value: share, label: percent(share) }],
      }),
    ),
  });
}

function savingChart({ exits }: Report): Chart {
  return exitBars({
    name: 'saving',
    title: 'Cost saved by having each exit, points of MACs',
    description: 'How much more the cascade would cost without each exit.',
    legend: [],
    groups: exits.map(
      ({ exit, saving }): BarGroup => ({
        name: `exit ${exit}`,
        bars: [{ series: saving < 0 ? 2 : 3, value: saving, label: points(saving).replace(' points', '') }],
      }),
    ),
  });
}
