import type { DeviceView, FleetEvent, FleetEventKind } from '@offramp/controller';
import { elementsOf, encodingName, exitCosts, type Manifest } from '@offramp/shared';
import type { AnswerLine } from './answers.js';
import type { BackboneAnswer } from './backbone-answers.js';

/** Where a picture belongs in the story: what it was and what thresholds its camera had then. */
export type Phase =
  /** By day, under the thresholds that the bundle comes with. */
  | 'bundle'
  /** By day, under thresholds that were set for the goal. */
  | 'goal'
  /** At dusk, under thresholds from before. */
  | 'unnoticed'
  /** At dusk, under thresholds that protect the goal. */
  | 'protected'
  /** Answered by a branch that was not sure, since the cloud did not answer. */
  | 'degraded';

/** How pictures were answered. */
export interface PhaseSummary {
  answers: number;
  /** With the whole backbone; as a share, like all that follows. 0 where there is no answer. */
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
  /** Whether the controller counted what the devices answered. */
  countsReconcile: boolean;
  goal: number;
  phases: Record<Phase, PhaseSummary>;
  all: PhaseSummary;
  /** Pictures at dusk that were answered under thresholds from before; `null`: nobody noticed. */
  noticedAfter: number | null;
  /** What the controller did, in this order. */
  events: FleetEventKind[];
  /** Shares of the answers, in [0, 1]. */
  accuracy: number;
  backboneAccuracy: number;
  /** Multiply-accumulates per picture, audits included. */
  deviceMacs: number;
  cloudMacs: number;
  backboneMacs: number;
  /** Bytes per picture that crossed the network, in which encodings, and what a preprocessed input has as 8-bit samples. */
  sentBytes: number;
  encodings: string[];
  inputBytes: number;
}

/** What a summary is made of. */
export interface Records {
  manifest: Manifest;
  goal: number;
  answers: readonly AnswerLine[];
  /** The whole backbone's answer for every picture that went in, by its name. */
  backbone: ReadonlyMap<string, BackboneAnswer>;
  devices: readonly DeviceView[];
  /** Oldest first. */
  events: readonly FleetEvent[];
}

/** Puts the agents' answers, the backbone's and the controller's counts side by side. */
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
    inputBytes: elementsOf(manifest.input.shape),
  };
}

/** The first policy that was given out because of a drift; infinite where there is none. */
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

/** Whether the demo showed what it promises: nothing lost or doubled, the drift noticed, and the goal kept after it. */
export function keepsPromises(summary: DemoSummary): boolean {
  const { countsReconcile, noticedAfter, goal, phases } = summary;
  return isWhole(summary) && countsReconcile && noticedAfter !== null && phases.protected.agreement >= goal;
}

const rowNames: readonly [Phase | 'all', string][] = [
  ['bundle', 'day, thresholds of the bundle'],
  ['goal', 'day, thresholds for the goal'],
  ['unnoticed', 'dusk, not noticed yet'],
  ['protected', 'dusk, noticed'],
  ['degraded', 'worker gone: degraded'],
  ['all', 'all'],
];

export function renderSummary(summary: DemoSummary): string {
  const percent = (value: number, digits = 1) => `${(value * 100).toFixed(digits)} %`;
  const integer = (value: number) => value.toLocaleString('en');
  const millions = (macs: number) => `${(macs / 1e6).toFixed(1)} M`;
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
  /** How a number compares with what it would be otherwise. */
  const against = (value: number, other: number) =>
    value <= other ? `${percent(1 - value / other, 0)} less` : `${percent(value / other - 1, 0)} more`;
  const { pictures, unanswered, repeated, failed, noticedAfter, backboneMacs, inputBytes } = summary;
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
      ? 'drift     NOT noticed'
      : `drift     noticed, and thresholds raised, ${integer(noticedAfter)} pictures after dusk began`,
    `accuracy  ${percent(summary.accuracy, 2)}; the whole model has ${percent(summary.backboneAccuracy, 2)}`,
    `MACs      ${millions(summary.deviceMacs)} a picture on the device, ${against(summary.deviceMacs, backboneMacs)} than the whole model`,
    `          ${millions(summary.cloudMacs)} a picture in the cloud, ${against(summary.cloudMacs, backboneMacs)}; audits included`,
    `sent      ${kilobytes(summary.sentBytes)} a picture (${summary.encodings.join(', ') || 'none'}); 8-bit input for all: ${kilobytes(inputBytes)}`,
    '',
  ].join('\n');
}
