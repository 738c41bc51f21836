import { percentText as percent } from '../percent-text.js';
import type { ExitFacts } from '../tuner/goals.js';
import { sameThresholds } from '../tuner/threshold-path.js';
import { type Drift, type TuningDecision, tune } from '../tuner/tune.js';
import type { TunerState } from '../tuner/tuner-state.js';
import { newApartDevice, reassignDevices, suspects, withoutLatestWindows } from './apart-devices.js';
import { addToCanary } from './canary.js';
import { exitFacts } from './exit-facts.js';
import type { TunableBundle } from './group-inputs.js';
import { type ApartDevice, modeOf, samplesPerSecond, tunerOf, withTuner } from './group-state.js';
import type { GroupStep } from './group-step.js';
import { addLateAnswers } from './late-answers.js';
import { type PolicyWindow, policyWindows } from './policy-windows.js';

/** @returns whether devices have become exceptions, which their group should be told at once */
export function reassign(step: GroupStep, bundle: TunableBundle): boolean {
  const { inputs } = step;
  if (!inputs.lookForDeviating) return false;
  const { leaving, rejoining, distances } = reassignDevices(
    step.state.apart,
    inputs,
    bundle.thresholds.length,
  );
  step.state = {
    ...step.state,
    apart: step.state.apart.map((device) => ({
      ...device,
      distance: distances.get(device.device) ?? device.distance,
    })),
  };
  // What a policy says of a number stands; who rejoins waits until a new one can be given out.
  if (!step.state.canary && modeOf(step.state) === 'auto') {
    for (const device of rejoining) rejoin(step, device);
  }
  for (const deviation of leaving) leave(step, deviation, bundle);
  return leaving.length > 0;
}

export function tuneGroup(step: GroupStep, bundle: TunableBundle, left: boolean): TuningDecision {
  const before = tunerOf(step.state, bundle.digest);
  const policy = step.current(bundle);
  let windows = windowsOf(step, bundle, '');
  noteLate(step, windows);
  let tuned = tuneWith(step, bundle, before, policy, windows);
  if (tuned.decision.drift && !left) {
    const kept = { state: step.state, events: [...step.events] };
    for (const deviation of suspects(step.state.apart, step.inputs, bundle.thresholds.length)) {
      leave(step, deviation, bundle);
    }
    if (step.state.apart.length > kept.state.apart.length) {
      const without = windowsOf(step, bundle, '');
      let again = tuneWith(step, bundle, before, policy, without);
      if (again.decision.drift?.kind === 'confidence') {
        // They have been in the windows before as well.
        const cleared = withoutLatestWindows(before, again.decision.drift.samples);
        again = tuneWith(step, bundle, cleared, policy, without);
      }
      if (again.decision.drift) {
        // It is not them.
        step.state = kept.state;
        step.events.splice(0, step.events.length, ...kept.events);
      } else {
        [windows, tuned] = [without, again];
      }
    }
  }
  const { decision } = tuned;
  watchCanary(step, windows);
  const { changed, ...keptDecision } = decision;
  // Whether thresholds change is for what follows to say: until then, samples go on adding up.
  const answered = tuned.state.samples - (decision.drift ? 0 : before.samples);
  const samplesSinceChange = decision.drift
    ? tuned.state.samplesSinceChange
    : before.samplesSinceChange + Math.max(0, answered);
  step.state = {
    ...step.state,
    tuners: withTuner(step.state, bundle.digest, { ...tuned.state, samplesSinceChange }),
    decision: keptDecision,
    bar: decision.drift ? null : step.state.bar,
  };
  if (decision.drift) {
    step.say('drift', {
      severity: 'warning',
      text: driftInWords(decision.drift),
      facts: decision.facts,
    });
  }
  return decision;
}

/** @returns whether a device's thresholds must go up, which does not wait for a canary */
export function tuneApart(step: GroupStep, bundle: TunableBundle): boolean {
  if (step.state.apart.length === 0) return false;
  let urgent = false;
  const apart = step.state.apart.map((device): ApartDevice => {
    const windows = windowsOf(step, bundle, device.device);
    if (windows.length === 0 && device.tuner.samples > 0) return device;
    const { state, decision } = tuneWith(step, bundle, device.tuner, device, windows);
    const lowers = bundle.path.positionOf(decision.thresholds) > bundle.path.positionOf(device.thresholds);
    const { policy } = step.state;
    const told = policy?.exceptions.find((other) => other.device === device.device);
    const mayChange = modeOf(step.state) === 'auto' && (!lowers || !step.state.canary);
    if (!mayChange) {
      const answered = state.samples - device.tuner.samples;
      const samplesSinceChange = device.tuner.samplesSinceChange + Math.max(0, answered);
      return { ...device, tuner: { ...state, samplesSinceChange } };
    }
    if (!lowers && !(told && sameThresholds(told.thresholds, decision.thresholds))) urgent = true;
    return {
      ...device,
      ...{ thresholds: decision.thresholds, auditRate: decision.auditRate, tuner: state },
    };
  });
  step.state = { ...step.state, apart };
  return urgent;
}

function leave(
  step: GroupStep,
  deviation: { device: string; distance: number },
  bundle: TunableBundle,
): void {
  step.state = {
    ...step.state,
    apart: [...step.state.apart, newApartDevice(deviation, bundle.path)],
  };
  step.say('device-deviates', {
    severity: 'warning',
    device: deviation.device,
    text: `Device ${deviation.device} sees something else than its group: ${percent(deviation.distance)} of its first exit's confidences lie elsewhere. It gets thresholds of its own.`,
  });
}

function rejoin(step: GroupStep, device: string): void {
  step.state = { ...step.state, apart: step.state.apart.filter((other) => other.device !== device) };
  step.say('device-rejoined', { device, text: `Device ${device} sees what its group sees again.` });
}

function windowsOf(step: GroupStep, bundle: TunableBundle, device: string): PolicyWindow[] {
  const apart = new Set(step.state.apart.map((other) => other.device));
  const parts = step.inputs.evidence.parts.filter((part) =>
    device === '' ? !apart.has(part.device) : part.device === device,
  );
  return policyWindows(parts, bundle, step.state.known, device);
}

function facts(step: GroupStep, bundle: TunableBundle): ExitFacts {
  step.facts ??= findFacts(step, bundle);
  return step.facts;
}

function findFacts(step: GroupStep, bundle: TunableBundle): ExitFacts {
  const onDevices = step.inputs.devices
    .filter(({ bundleDigest }) => bundleDigest === bundle.digest)
    .map(({ deviceStages, samples }) => ({ stages: deviceStages, weight: samples + 1 }));
  const { facts, unknown } = exitFacts(
    {
      ...{ costs: bundle.costs, onDevices, stageSeconds: step.inputs.stageSeconds, late: step.state.late },
      samplesPerSecond: samplesPerSecond(step.state),
    },
    step.goals,
  );
  step.unknown = unknown;
  return facts;
}

function tuneWith(
  step: GroupStep,
  bundle: TunableBundle,
  tuner: TunerState,
  policy: { thresholds: readonly number[]; auditRate: number },
  windows: readonly PolicyWindow[],
): { state: TunerState; decision: TuningDecision } {
  return tune(
    {
      ...{ path: bundle.path, table: bundle.table, goals: step.goals, facts: facts(step, bundle), policy },
      workerUtilisation: step.inputs.workerUtilisation,
    },
    tuner,
    windows,
  );
}

function noteLate(step: GroupStep, windows: readonly PolicyWindow[]): void {
  const target = step.latencyTargetMs;
  const counted = windows.filter(({ latencyTargetMs }) => latencyTargetMs === target);
  const late = target === null ? null : addLateAnswers(step.state.late, target, counted);
  step.state = { ...step.state, late };
}

function watchCanary(step: GroupStep, windows: readonly PolicyWindow[]): void {
  const { canary } = step.state;
  if (!canary) return;
  const tried = windows.filter(({ policyVersion }) => policyVersion === canary.version);
  const others = windows.filter(({ policyVersion }) => policyVersion !== canary.version);
  step.state = { ...step.state, canary: addToCanary(canary, tried, others, step.latencyTargetMs) };
}

function driftInWords(drift: Drift): string {
  const count = (value: number) => Math.round(value).toLocaleString('en');
  return drift.kind === 'confidence'
    ? `Confidences have moved: of the last ${count(drift.samples)} samples, ${percent(drift.distance)} lie elsewhere than before.`
    : `Of about ${count(drift.audited)} audits among the last ${count(drift.samples)} samples, ${count(drift.disagreed)} disagreed with the whole model.`;
}
