import type { DeviceView } from '@offramp/controller';
import { elementsOf, encodingName, type Manifest } from '@offramp/shared';
import type { AnswerLine } from './answers.js';
import type { BackboneAnswer } from './backbone-answers.js';
import type { PolicyChange } from './script.js';

/** What the fleet did under one policy. */
export interface PolicySummary {
  /** 0: the thresholds of the bundle. */
  version: number;
  /** Seconds until it was in force everywhere; `null` for version 0. */
  reachedAllS: number | null;
  answers: number;
  /** Shares of these answers, in [0, 1]. */
  offloaded: number;
  agreement: number;
}

export interface DemoSummary {
  pictures: number;
  /** Pictures with no answer, and with more than one. */
  unanswered: number;
  repeated: number;
  /** Answers that are errors. */
  failed: number;
  /** Shares of the answers, in [0, 1]. */
  accuracy: number;
  backboneAccuracy: number;
  /** With the whole backbone: of all answers, and of those that are not degraded. */
  agreement: number;
  agreementUndegraded: number;
  exitShares: number[];
  /** Answered on the device by an exit that was sure enough. */
  deviceShare: number;
  degradedShare: number;
  /** Multiply-accumulates per picture. */
  deviceMacs: number;
  cloudMacs: number;
  backboneMacs: number;
  /** Bytes per picture that crossed the network, in which encodings, and what a preprocessed input has as 8-bit samples. */
  sentBytes: number;
  encodings: string[];
  inputBytes: number;
  /** Whether the controller counted what the devices answered. */
  countsReconcile: boolean;
  policies: PolicySummary[];
}

/**
 * Puts the agents' answers, the backbone's and the controller's counts side by side.
 * @param backbone the whole backbone's answer for every picture that went in
 */
export function summarise(
  manifest: Manifest,
  answers: readonly AnswerLine[],
  backbone: ReadonlyMap<string, BackboneAnswer>,
  devices: readonly DeviceView[],
  changes: readonly PolicyChange[],
): DemoSummary {
  const expected = [...backbone.keys()];
  const count = (holds: (answer: AnswerLine) => boolean) => answers.filter(holds).length;
  const share = (holds: (answer: AnswerLine) => boolean) => count(holds) / answers.length;
  const agrees = (answer: AnswerLine) => backbone.get(answer.sample)?.labelIndex === answer.labelIndex;
  const times = new Map<string, number>();
  for (const { sample } of answers) times.set(sample, (times.get(sample) ?? 0) + 1);
  const total = (of: (device: DeviceView) => number) => devices.reduce((sum, device) => sum + of(device), 0);
  const references = [...backbone.values()];
  const failed = count(({ error }) => error !== undefined);
  const undegraded = count(({ degraded }) => !degraded);
  return {
    pictures: expected.length,
    unanswered: expected.filter((name) => !times.has(name)).length,
    repeated: [...times.values()].filter((n) => n > 1).length,
    failed,
    accuracy: share(({ correct }) => correct === true),
    backboneAccuracy: references.filter(({ correct }) => correct).length / references.length,
    agreement: share(agrees),
    agreementUndegraded: count((answer) => !answer.degraded && agrees(answer)) / undegraded,
    exitShares: manifest.stages.map((_, exit) => share((answer) => answer.exit === exit)),
    deviceShare: share(({ offloaded, degraded }) => !offloaded && !degraded),
    degradedShare: share(({ degraded }) => degraded),
    deviceMacs: total(({ total }) => total.deviceMacs) / answers.length,
    cloudMacs: total(({ total }) => total.cloudMacs) / answers.length,
    backboneMacs: manifest.backbone.macs,
    sentBytes: total(({ total }) => total.offloadBytes) / answers.length,
    encodings: encodingsOf(devices),
    inputBytes: elementsOf(manifest.input.shape),
    countsReconcile: total(({ total }) => total.samples + total.failed) === answers.length,
    policies: [{ version: 0, reachedAllS: null }, ...changes].map((change) => {
      const under = answers.filter(({ policyVersion }) => policyVersion === change.version);
      return {
        ...change,
        answers: under.length,
        offloaded: under.filter(({ offloaded }) => offloaded).length / under.length,
        agreement: under.filter(agrees).length / under.length,
      };
    }),
  };
}

function encodingsOf(devices: readonly DeviceView[]): string[] {
  const used = new Set(devices.flatMap(({ total }) => total.encodings.map(({ encoding }) => encoding)));
  return [...used].sort((a, b) => a - b).map(encodingName);
}

/** Whether the demo showed what it promises: every picture answered exactly once. */
export function isWhole(summary: DemoSummary): boolean {
  return summary.unanswered === 0 && summary.repeated === 0 && summary.failed === 0;
}

export function renderSummary(summary: DemoSummary): string {
  const percent = (value: number, digits = 1) => `${(value * 100).toFixed(digits)} %`;
  const millions = (macs: number) => `${(macs / 1e6).toFixed(1)} M`;
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
  /** How a number compares with what it would be otherwise. */
  const against = (value: number, other: number) =>
    value <= other ? `${percent(1 - value / other, 0)} less` : `${percent(value / other - 1, 0)} more`;
  const whole = millions(summary.backboneMacs);
  const count = summary.pictures.toLocaleString('en-US');
  return [
    isWhole(summary)
      ? `${count} pictures, each answered exactly once`
      : `${count} pictures: ${summary.unanswered} unanswered, ${summary.repeated} answered more than once, ${summary.failed} failed`,
    `  controller's counts     ${summary.countsReconcile ? 'reconcile with the answers' : 'DIFFER from the answers'}`,
    `  accuracy                ${percent(summary.accuracy, 2)}; the whole backbone has ${percent(summary.backboneAccuracy, 2)}`,
    `  agreement               ${percent(summary.agreement, 2)} with the whole backbone; ${percent(summary.agreementUndegraded, 2)} without degraded answers`,
    `  answered on the device  ${percent(summary.deviceShare)}; ${percent(summary.degradedShare)} degraded while the worker was away`,
    `  left at each exit       ${summary.exitShares.map((share) => percent(share)).join(', ')}`,
    ...summary.policies.map(({ version, reachedAllS, offloaded, agreement }) => {
      const reached =
        reachedAllS === null ? "the bundle's own" : `everywhere after ${reachedAllS.toFixed(2)} s`;
      const title = `  under policy ${version} (${reached})`;
      return `${title}: ${percent(offloaded)} offloaded, agreement ${percent(agreement, 2)}`;
    }),
    `  MACs per picture        ${millions(summary.deviceMacs)} on the device + ${millions(summary.cloudMacs)} in the cloud`,
    `    all on the device     ${whole}: the device does ${against(summary.deviceMacs, summary.backboneMacs)}`,
    `    all in the cloud      ${whole}: the cloud does ${against(summary.cloudMacs, summary.backboneMacs)}`,
    `  sent per picture        ${kilobytes(summary.sentBytes)} of activations (${summary.encodings.join(', ') || 'none'})`,
    `    all in the cloud      ${kilobytes(summary.inputBytes)} of input (8-bit samples): ${against(summary.sentBytes, summary.inputBytes)}`,
    `    all on the device     nothing`,
    '',
  ].join('\n');
}
