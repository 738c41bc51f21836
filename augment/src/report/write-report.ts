import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeFolder, messageOf, OfframpError } from '@offramp/runtime';
import { drawCharts } from './charts/charts.js';
import { svgFile } from './charts/frame.js';
import { renderPage } from './page/page.js';
import type { Report } from './report.js';

/**
 * Creates the folder of a report before the evaluation, so that a wrong path fails early.
 * @throws OfframpError `OUTPUT_FAILED`
 */
export async function prepareReportFolder(folder: string): Promise<void> {
  await writing(folder, () => makeFolder(resolve(folder)));
}

/**
 * Writes `report.html` and every chart as an SVG file into a folder.
 * @returns the path of the page
 * @throws OfframpError `OUTPUT_FAILED`
 */
export async function writeReport(report: Report, folder: string): Promise<string> {
  const charts = drawCharts(report);
  const page = join(folder, 'report.html');
  await prepareReportFolder(folder);
  await writing(folder, () =>
    Promise.all([
      writeFile(page, renderPage(report, charts)),
      ...Object.values(charts)
        .flat()
        .map((chart) => writeFile(join(folder, `${chart.name}.svg`), svgFile(chart))),
    ]),
  );
  return page;
}

async function writing(folder: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    throw new OfframpError('OUTPUT_FAILED', `cannot write the report to ${folder}: ${messageOf(cause)}`, {
      cause,
      hint: 'Give --report a folder that exists or can be created.',
    });
  }
}
