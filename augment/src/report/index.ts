export type { Finding, FindingGrade, FindingKind } from './findings/finding.js';
export { type Machine, thisMachine } from './machine.js';
export { type MeasureOptions, measureExitTimes, measureExitTimesOn } from './measure-exit-times.js';
export type { PolicyOutcome } from './policy-outcome.js';
export { buildReport, type Report } from './report.js';
export type { ReportInput } from './report-facts.js';
export type { ExitTimes } from './stage-times.js';
export { prepareReportFolder, writeReport } from './write-report.js';
