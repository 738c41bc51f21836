import { diagnose } from './findings/diagnose.js';
import type { Finding } from './findings/finding.js';
import type { Machine } from './machine.js';
import { type ReportFacts, type ReportInput, reportFacts } from './report-facts.js';

export interface Report extends ReportFacts {
  createdAt: string;
  bundle: {
    name: string;
    digest: string;
    backbone: { file: string; sha256: string; macs: number; parameters: number };
    deviceStages: number;
    trainedOn: string;
  };
  data: string;
  machine: Machine;
  findings: Finding[];
}

/** Computes the contents of a report. */
export function buildReport(input: ReportInput): Report {
  const { manifest } = input;
  const facts = reportFacts(input);
  return {
    createdAt: input.createdAt.toISOString(),
    bundle: {
      name: manifest.name,
      digest: input.digest,
      backbone: manifest.backbone,
      deviceStages: manifest.deviceStages,
      trainedOn: manifest.provenance.data,
    },
    data: input.data,
    machine: input.machine,
    ...facts,
    findings: diagnose(facts),
  };
}
