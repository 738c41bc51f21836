import {
  expectAtMost,
  expectEqual,
  expectFew,
  maxReportedTextLength,
  sumOf,
  type WindowCounter,
  type WindowCounters,
  windowCounters,
} from '@offramp/contracts';
import type { DeviceState, Report } from './checked-report.js';

/** Far longer than NATS is ever away; later reports say what happened since. */
const maxWindowMs = 366 * 86_400_000;
/** Samples of a window: for each of its milliseconds, … */
const maxPerMs = 1_000;
/** … beyond that, and in all. Even millions of such reports add up to less than what is counted exactly. */
const maxBurst = 10_000;
const maxCount = 1e10;
const maxSampleBytes = 64 * 2 ** 20;
const maxInputBytes = 512 * 2 ** 20;
const maxSampleMacs = 1e15;
/** Audits that end in a window although their samples were answered in an earlier one. */
const maxAuditsBefore = 10_000;
const maxEncoding = 255;
const maxBranches = 255;
const maxPolicyVersion = 2 ** 32;

/** More samples than a device or a worker can see in so much time. */
export const mostSamples = (windowMs: number): number => Math.min(maxCount, maxBurst + maxPerMs * windowMs);

/** @throws RangeError naming a field with a value that no device can have */
export function checkState(state: DeviceState): void {
  const { branches, thresholds } = state;
  expectAtMost('branches', branches, maxBranches, 'branches of a bundle');
  expectAtMost('device_stages', state.deviceStages, branches + 1, 'stages');
  expectFew('thresholds', thresholds, branches);
  for (const threshold of thresholds) {
    if (!(threshold >= 0 && Number.isFinite(threshold))) {
      throw new RangeError(`thresholds: expected finite numbers of 0 or more; found ${threshold}`);
    }
  }
  expectAtMost('policy_version', state.policyVersion, maxPolicyVersion, 'policies of a group');
  if (!(state.auditRate >= 0 && state.auditRate <= 1)) {
    throw new RangeError(`audit_rate: expected a share from 0 to 1; found ${state.auditRate}`);
  }
  if (state.bundleDigest.length !== 64) {
    throw new RangeError(`bundle_digest: expected 32 bytes; found ${state.bundleDigest.length / 2}`);
  }
  for (const name of ['agentVersion', 'bundleName', 'policyError', 'policyErrorCode'] as const) {
    expectAtMost(name, state[name].length, maxReportedTextLength, 'characters');
  }
}

type Bound = [most: number, of: string];

const bySamples = ({ samples }: WindowCounters): Bound => [samples, 'samples'];
const byTime = (_: WindowCounters, windowMs: number): Bound => [
  mostSamples(windowMs),
  `${maxPerMs} a millisecond`,
];
const byMacs = ({ samples }: WindowCounters): Bound => [samples * maxSampleMacs, 'for these samples'];
const mostAudits = (samples: number) => samples + maxAuditsBefore;

/** The most that each counter of a window may be. */
const counterBounds: Record<WindowCounter, (window: WindowCounters, windowMs: number) => Bound> = {
  samples: byTime,
  refused: byTime,
  failed: byTime,
  offloaded: bySamples,
  degraded: bySamples,
  labelled: bySamples,
  correct: ({ labelled }) => [labelled, 'labelled'],
  deviceMacs: byMacs,
  cloudMacs: byMacs,
  offloadBytes: ({ samples }) => [samples * maxSampleBytes, 'for these samples'],
  inputBytes: ({ samples }) => [samples * maxInputBytes, 'for these samples'],
  audited: ({ samples, auditsDropped }) => [
    mostAudits(samples) - auditsDropped,
    'samples, and audits under way',
  ],
  auditsDropped: ({ samples }) => [mostAudits(samples), 'samples, and audits under way'],
  auditsAgreed: ({ audited }) => [audited, 'audited'],
  auditBytes: ({ samples }) => [mostAudits(samples) * maxSampleBytes, 'for these audits'],
};

/**
 * Refuses what no device can have done in a window. A device that lies within these bounds is believed.
 * @throws RangeError naming the field
 */
export function checkWindow(report: Omit<Report, 'device' | 'group' | 'bootId' | 'sequence'>): void {
  const { window, windowMs, state, latency, evidence } = report;
  const { samples, exits, agreement, encodings } = window;
  expectAtMost('window_ms', windowMs, maxWindowMs, 'a year');
  for (const name of windowCounters) {
    const [most, of] = counterBounds[name](window, windowMs);
    expectAtMost(name, window[name], most, of);
  }
  if (samples > 0 || exits.length > 0) expectEqual('exits', exits.length, state.branches + 1, 'exits');
  expectEqual('samples', samples, sumOf(exits), 'exits');
  expectAtMost('latency_sketch', latency?.count ?? 0, samples, 'samples');
  expectFew('agreement', agreement, state.branches);
  for (const { compared, agreed } of agreement) {
    expectAtMost('agreement', compared, exits.at(-1) ?? 0, 'at the final exit');
    expectAtMost('agreement', agreed, compared, 'compared');
  }
  for (const { encoding } of encodings) expectAtMost('encodings', encoding, maxEncoding, 'an encoding');
  expectEqual(
    'encodings',
    new Set(encodings.map(({ encoding }) => encoding)).size,
    encodings.length,
    'different ones',
  );
  expectAtMost('encodings', sumOf(encodings.map((use) => use.samples)), samples, 'samples');
  expectAtMost('encodings', sumOf(encodings.map((use) => use.bytes)), window.offloadBytes, 'offload_bytes');
  checkEvidence(evidence, window);
}

type EvidenceCounts = Report['evidence'][number]['counts'];

/** What policies did is a part of what was done in the window. */
function checkEvidence(evidence: Report['evidence'], window: Report['window']): void {
  const audits = mostAudits(window.samples);
  evidence.forEach(({ policyVersion }, i) => {
    expectAtMost(
      'evidence',
      evidence[i - 1]?.policyVersion ?? -1,
      policyVersion - 1,
      'in the order of versions',
    );
    expectAtMost('evidence', policyVersion, maxPolicyVersion, 'policies of a group');
  });
  const bounds: [field: string, of: (counts: EvidenceCounts) => number, most: number, unit: string][] = [
    ['evidence', ({ samples }) => samples, window.samples, 'samples'],
    ['evidence: degraded', ({ degraded }) => degraded, window.degraded, 'degraded'],
    ['evidence: offloaded', ({ offloaded }) => offloaded, window.offloaded, 'offloaded'],
    ['evidence: audited', ({ audited }) => audited, window.audited, 'audited'],
    ['evidence: audit_bytes', ({ auditBytes }) => auditBytes, window.auditBytes, 'audit_bytes'],
    ['evidence: audits_chosen', ({ auditsChosen }) => auditsChosen, audits, 'samples'],
    ['evidence: audited_final', ({ auditedFinal }) => auditedFinal, audits, 'samples'],
    ['evidence: audits_dropped', auditsDropped, window.auditsDropped, 'audits_dropped'],
  ];
  for (const [field, of, most, unit] of bounds) {
    expectAtMost(field, sumOf(evidence.map(({ counts }) => of(counts))), most, unit);
  }
}

const auditsDropped = ({ auditsDropped: { busy, budget, failed } }: EvidenceCounts) => busy + budget + failed;
