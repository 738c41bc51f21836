import { encodingName, exitCosts, type Manifest, sentInputName, usualInput } from '@offramp/bundle';
import type { DeviceView, FleetEvent, FleetEventKind } from '@offramp/controller';
import type { AnswerLine } from './answers.js';
import type { BackboneAnswer } from './backbone-answers.js';

/** Phase of a picture: its light, and the thresholds that its camera had then. */
export type Phase =
  /** By day, under the bundle's own thresholds. */
  | 'bundle'
  /** By day, under thresholds that were set for the goal. */
  | 'goal'
  /** At dusk, under thresholds set before the drift was detected. */
  | 'unnoticed'
  /** At dusk, under thresholds that protect the goal. */
  | 'protected'
  /** Answered below its threshold, because the cloud did not answer. */
  | 'degraded';

/** How pictures were answered. */
export interface PhaseSummary {
  answers: number;
  /** With the whole backbone; a share, like all fields below. 0 without answers. */
  agreement: number;
  /** Multiply-accumulates, of the whole backbone's. */
  cost: number;
  offloaded: number;
}

export interface DemoSummary {
  pictures: number;
  /** Pictures with no answer, and with more than one. */
  unanswered: number;
  repeated: number;
  /** Answers that are errors. */
  failed: number;
  /** Whether the controller's counts equal the devices' answers. */
  countsReconcile: boolean;
  goal: number;
  phases: Record<Phase, PhaseSummary>;
  all: PhaseSummary;
  /** Pictures at dusk that were answered under earlier thresholds; `null` if the drift was not detected. */
  noticedAfter: number | null;
  /** The controller's decisions, in order. */
  events: FleetEventKind[];
  /** Shares of the answers, in [0, 1]. */
  accuracy: number;
  backboneAccuracy: number;
  /** Multiply-accumulates per picture, audits included. */
  deviceMacs: number;
  cloudMacs: number;
  backboneMacs: number;
  /** Bytes sent per picture, their encodings, and what sending every picture would take, in which form. */
  sentBytes: number;
  encodings: string[];
  inputBytes: number;
  inputForm: string;
}

/** The input of a summary. */
export interface Records {
  manifest: Manifest;
  goal: number;
  answers: readonly AnswerLine[];
  /** The whole backbone's answer for every picture, by name. */
  backbone: ReadonlyMap<string, BackboneAnswer>;
  devices: readonly DeviceView[];
  /** Oldest first. */
  events: readonly FleetEvent[];
}

/** Compares the agents' answers with the backbone's answers and the controller's counts. */
export function summarise({ manifest, goal, answers, backbone, devices, events }: Records): DemoSummary {
  const expected = [...backbone.keys()];
  const count = (holds: (answer: AnswerLine) => boolean) => answers.filter(holds).length;
  const times = new Map<string, number>();
  for (const { sample } of answers) times.set(sample, (times.get(sample) ?? 0) + 1);
  const total = (of: (device: DeviceView) => number) => devices.reduce((sum, device) => sum + of(device), 0);
  const references = [...backbone.values()];
  const protectedBy = protectingVersion(events);
  const isDusk = ({ sample }: AnswerLine) => backbone.get(sample)?.dusk === true;
  const phaseOf = (answer: AnswerLine): Phase => {
    if (answer.degraded) return 'degraded';
    if (isDusk(answer)) return answer.policyVersion < protectedBy ? 'unnoticed' : 'protected';
    return answer.policyVersion === 0 ? 'bundle' : 'goal';
  };
  const costs = exitCosts(manifest);
  const costOf = ({ exit, degraded }: AnswerLine) =>
    costs[degraded ? manifest.deviceStages - 1 : exit] as number;
  const howAnswered = (those: readonly AnswerLine[]): PhaseSummary => {
    const mean = (value: (answer: AnswerLine) => number) =>
      those.reduce((sum, answer) => sum + value(answer), 0) / Math.max(1, those.length);
    return {
      answers: those.length,
      agreement: mean(({ sample, labelIndex }) => Number(backbone.get(sample)?.labelIndex === labelIndex)),
      cost: mean(costOf),
      offloaded: mean(({ offloaded }) => Number(offloaded)),
    };
  };
  const of = (phase: Phase) => howAnswered(answers.filter((answer) => phaseOf(answer) === phase));
  return {
    pictures: expected.length,
    unanswered: expected.filter((name) => !times.has(name)).length,
    repeated: [...times.values()].filter((n) => n > 1).length,
    failed: count(({ error }) => error !== undefined),
    countsReconcile: total(({ total }) => total.samples + total.failed) === answers.length,
    goal,
    phases: {
      bundle: of('bundle'),
      goal: of('goal'),
      unnoticed: of('unnoticed'),
      protected: of('protected'),
      degraded: of('degraded'),
    },
    all: howAnswered(answers),
    noticedAfter: Number.isFinite(protectedBy)
      ? count((answer) => isDusk(answer) && answer.policyVersion < protectedBy)
      : null,
    events: events.map(({ kind }) => kind),
    accuracy: count(({ correct }) => correct === true) / answers.length,
    backboneAccuracy: references.filter(({ correct }) => correct).length / references.length,
    deviceMacs: total(({ total }) => total.deviceMacs) / answers.length,
    cloudMacs: total(({ total }) => total.cloudMacs) / answers.length,
    backboneMacs: manifest.backbone.macs,
    sentBytes: total(({ total }) => total.offloadBytes) / answers.length,
    encodings: encodingsOf(devices),
    inputBytes: usualInput(manifest).bytes,
    inputForm: sentInputName(usualInput(manifest)),
  };
}

/** The first policy set because of a drift; infinite if there is none. */
function protectingVersion(events: readonly FleetEvent[]): number {
  const drift = events.findIndex(({ kind }) => kind === 'drift');
  const policy = drift < 0 ? undefined : events.slice(drift).find(({ policyVersion }) => policyVersion > 0);
  return policy?.policyVersion ?? Number.POSITIVE_INFINITY;
}

function encodingsOf(devices: readonly DeviceView[]): string[] {
  const used = new Set(devices.flatMap(({ total }) => total.encodings.map(({ encoding }) => encoding)));
  return [...used].sort((a, b) => a - b).map(encodingName);
}

/** Whether every picture was answered exactly once. */
function isWhole(summary: DemoSummary): boolean {
  return summary.unanswered === 0 && summary.repeated === 0 && summary.failed === 0;
}

/** Whether nothing was lost or answered twice, the drift was detected, and the goal was met after it. */
export function keepsPromises(summary: DemoSummary): boolean {
  const { countsReconcile, noticedAfter, goal, phases } = summary;
  return isWhole(summary) && countsReconcile && noticedAfter !== null && phases.protected.agreement >= goal;
}

const rowNames: readonly [Phase | 'all', string][] = [
  ['bundle', 'day, thresholds of the bundle'],
  ['goal', 'day, thresholds for the goal'],
  ['unnoticed', 'dusk, not detected yet'],
  ['protected', 'dusk, detected'],
  ['degraded', 'worker gone: degraded'],
  ['all', 'all'],
];

export function renderSummary(summary: DemoSummary): string {
  const percent = (value: number, digits = 1) => `${(value * 100).toFixed(digits)} %`;
  const integer = (value: number) => value.toLocaleString('en');
  const millions = (macs: number) => `${(macs / 1e6).toFixed(1)} M`;
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
  /** Relative difference of a number to a reference. */
  const against = (value: number, other: number) =>
    value <= other ? `${percent(1 - value / other, 0)} less` : `${percent(value / other - 1, 0)} more`;
  const { pictures, unanswered, repeated, failed, noticedAfter, backboneMacs } = summary;
  const { sentBytes, inputBytes, inputForm } = summary;
  const row = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(31) : cell.padStart(12))).join('');
  return [
    isWhole(summary)
      ? `${integer(pictures)} pictures, each answered exactly once; the controller's counts ${summary.countsReconcile ? 'reconcile' : 'DIFFER'}`
      : `${integer(pictures)} pictures: ${unanswered} unanswered, ${repeated} answered more than once, ${failed} failed`,
    '',
    row(['', 'answers', 'agreement', 'cost', 'to cloud']),
    ...rowNames.map(([phase, name]) => {
      const { answers, agreement, cost, offloaded } = phase === 'all' ? summary.all : summary.phases[phase];
      return row([name, integer(answers), percent(agreement, 2), percent(cost), percent(offloaded)]);
    }),
    '',
    `goal      at least ${percent(summary.goal, 0)} agreement with the whole model`,
    noticedAfter === null
      ? 'drift     NOT detected'
      : `drift     detected, and thresholds raised, ${integer(noticedAfter)} pictures after dusk began`,
    `accuracy  ${percent(summary.accuracy, 2)}; the whole model has ${percent(summary.backboneAccuracy, 2)}`,
    `MACs      ${millions(summary.deviceMacs)} a picture on the device, ${against(summary.deviceMacs, backboneMacs)} than the whole model`,
    `          ${millions(summary.cloudMacs)} a picture in the cloud, ${against(summary.cloudMacs, backboneMacs)}; audits included`,
    `sent      ${kilobytes(sentBytes)} a picture (${summary.encodings.join(', ') || 'none'})`,
    `          ${against(sentBytes, inputBytes)} than every picture as ${inputForm}, ${kilobytes(inputBytes)}`,
    '',
  ].join('\n');
}
