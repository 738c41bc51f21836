import type { NewEvent } from '../model/fleet-event.js';
import { newEvent } from '../model/fleet-event.js';
import { allowedDisagreement } from '../model/goals.js';
import type { GoalsChange } from '../model/goals-schema.js';
import { devicesOfOtherBundles, type GroupInputs } from '../model/group-inputs.js';
import { type GroupState, learnPolicy } from '../model/group-state.js';
import { contentOf, type PolicyView, samePolicy } from '../model/policy-view.js';
import { newAgreementWatch } from '../proof/agreement-watch.js';
import { eventTexts } from '../text/event-texts.js';
import type { TunerState } from '../tuner/tuner-state.js';

type OperatorInputs = Pick<GroupInputs, 'group' | 'goals' | 'newest' | 'history' | 'devices'>;

/**
 * Applies what operators changed since the last state: goals, mode, policies. Changes are applied in the order in which they
 * were made, so that the latest one counts, and each is published as an event.
 */
export function applyOperatorChanges(
  before: GroupState,
  inputs: OperatorInputs,
): { state: GroupState; events: NewEvent[] } {
  const { group, goals, newest } = inputs;
  const events: NewEvent[] = [];
  let state = before;
  const policies = newPolicies(before, inputs);
  const takePolicies = (upTo: number) => {
    while (policies[0] && policies[0].version <= upTo) {
      const policy = policies.shift() as PolicyView;
      const pins = goesAgainstController(state, policy);
      if (pins)
        state = { ...state, pinnedBy: { author: policy.author || unnamedAuthor, version: policy.version } };
      // A policy from before the controller's first step is its starting point, and no event.
      if (before.number > 0 || pins) events.push(policySet(inputs, policy, pins));
    }
  };
  if (goals.revision !== before.goalsRevision) {
    for (const change of goals.changes) {
      if (change.afterRevision < before.goalsRevision) continue;
      takePolicies(change.afterPolicy);
      state = takeChange(state, change);
      events.push(changeSet(group, change));
    }
  }
  takePolicies(Number.POSITIVE_INFINITY);
  if (newest.policy === null && before.policy !== null) {
    events.push(newEvent({ group, kind: 'policy', author: '', text: eventTexts.policyDeleted() }));
  }
  return { state: withPolicy(withGoals(state, before, goals), inputs), events };
}

/** Applies only goals, mode and pin. What follows from goals is derived once, from the latest ones. */
function takeChange(state: GroupState, { what, goals, mode }: GoalsChange): GroupState {
  // Mode `auto` releases a policy that an operator pinned.
  const pinnedBy = what === 'mode' && mode === 'auto' ? null : state.pinnedBy;
  return { ...state, goals, mode, pinnedBy };
}

function changeSet(group: string, { what, goals, mode, author, reason }: GoalsChange): NewEvent {
  return what === 'mode'
    ? newEvent({ group, author, kind: 'mode-set', text: eventTexts.modeSet(mode, reason) })
    : newEvent({ group, author, kind: 'goals-set', text: eventTexts.goalsSet(goals, reason) });
}

function withGoals(state: GroupState, before: GroupState, goals: OperatorInputs['goals']): GroupState {
  if (goals.revision === before.goalsRevision) return state;
  const floorMoved = allowedDisagreement(goals.goals) !== allowedDisagreement(before.goals);
  const tuners = floorMoved
    ? Object.fromEntries(Object.entries(before.tuners).map(([digest, tuner]) => [digest, uncertified(tuner)]))
    : before.tuners;
  const changed = JSON.stringify(goals.goals) !== JSON.stringify(before.goals);
  return {
    ...state,
    ...{ goalsRevision: goals.revision, goals: goals.goals, mode: goals.mode, tuners },
    outliers: floorMoved
      ? state.outliers.map((device) => ({ ...device, tuner: uncertified(device.tuner) }))
      : state.outliers,
    met: changed ? null : before.met,
  };
}

/** Candidates were certified for another goal, so certificates are dropped; audit counts stay. */
function uncertified(tuner: TunerState): TunerState {
  return { ...tuner, certifiedByAudits: 0, certified: 0, watch: newAgreementWatch };
}

/** Policies that the state does not contain, by number; for each number, the last one. */
function newPolicies(before: GroupState, { newest, history }: OperatorInputs): PolicyView[] {
  if (isAsDecided(before, newest.policy)) return [];
  const last = before.policy?.version ?? 0;
  const found = new Map(history.filter(({ version }) => version > last).map((one) => [one.version, one]));
  if (newest.policy) found.set(newest.policy.version, newest.policy);
  return [...found.values()].sort((a, b) => a.version - b.version);
}

function isAsDecided(before: GroupState, policy: PolicyView | null): boolean {
  if (policy === null) return before.policy === null;
  return before.policy !== null && samePolicy(policy, before.policy);
}

/** Whether an operator set thresholds while the controller was to set them. A controller's own policy has no request ID. */
function goesAgainstController(state: GroupState, policy: PolicyView): boolean {
  const byOperator = policy.requestId !== '' || policy.bundleDigest === null;
  return state.goals.length > 0 && (state.number > 0 || byOperator);
}

function policySet(inputs: OperatorInputs, policy: PolicyView, pins: boolean): NewEvent {
  const { group } = inputs;
  const { version, author, reason, thresholds, bundleDigest } = policy;
  const others = devicesOfOtherBundles(inputs, bundleDigest);
  return newEvent({
    ...{ group, kind: 'policy', author, policyVersion: version, thresholds },
    severity: others.length > 0 ? 'warning' : 'info',
    text: `${eventTexts.policySet(author || unnamedAuthor, version, reason, pins)}${eventTexts.notFollowedBy(others)}`,
  });
}

const unnamedAuthor = 'An operator';

function withPolicy(state: GroupState, { newest: { policy }, history }: OperatorInputs): GroupState {
  if (isAsDecided(state, policy)) return state;
  const content = policy ? contentOf(policy) : null;
  // For a number that occurs twice, the newest content counts.
  const known = [...history, ...(policy ? [policy] : [])]
    .filter(
      ({ version }) => !state.known.some((other) => other.version === version) || version === policy?.version,
    )
    .reduce(learnPolicy, state.known);
  const excepted = new Set(content?.exceptions.map(({ device }) => device));
  return {
    ...state,
    ...{ policy: content, known, canary: null, cooldown: null },
    outliers: state.outliers.filter(({ device }) => excepted.has(device)),
  };
}
