import { v1 } from '@offramp/shared';
import { type PolicyContent, type PolicyView, writePolicyMessage } from '../policy/policy-view.js';
import { newAgreementWatch } from '../tuner/agreement-watch.js';
import { goalInWords } from '../tuner/explain.js';
import type { TunerState } from '../tuner/tuner-state.js';
import type { GoalsChange } from './goals-schema.js';
import type { GroupInputs } from './group-inputs.js';
import { type GroupState, learnPolicy, type NewEvent } from './group-state.js';

type Orders = Pick<GroupInputs, 'group' | 'goals' | 'newest' | 'history'>;

/**
 * What people have wanted since the last state: other goals, another mode, policies of their own. All of it is told, and
 * taken in the order in which it was asked for, so that the last word counts.
 */
export function receiveOrders(before: GroupState, inputs: Orders): { state: GroupState; events: NewEvent[] } {
  const { group, goals, newest } = inputs;
  const events: NewEvent[] = [];
  let state = before;
  const policies = newPolicies(before, inputs);
  const takePolicies = (upTo: number) => {
    while (policies[0] && policies[0].version <= upTo) {
      const policy = policies.shift() as PolicyView;
      const pins = goesAgainstController(state, policy);
      if (pins)
        state = { ...state, pinnedBy: { author: policy.author || somebody, version: policy.version } };
      // What was there before the controller came is where it begins.
      if (before.number > 0 || pins) events.push(policySet(group, policy, pins));
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
    events.push({
      ...nothingOf(group),
      ...{ kind: 'policy', severity: 'info', text: 'The policy was deleted.', author: '' },
    });
  }
  return { state: withPolicy(withGoals(state, before, goals), inputs), events };
}

/** Of these, only goals, mode and pin: what follows from goals, follows from the last ones. */
function takeChange(state: GroupState, { what, goals, mode }: GoalsChange): GroupState {
  // Whoever says `auto` lets go of what a person has set.
  const pinnedBy = what === 'mode' && mode === 'auto' ? null : state.pinnedBy;
  return { ...state, goals, mode, pinnedBy };
}

function changeSet(group: string, { what, goals, mode, author, reason }: GoalsChange): NewEvent {
  const about = { ...nothingOf(group), author, severity: 'info' as const };
  const why = reason ? `: ${reason}` : '';
  if (what === 'mode') return { ...about, kind: 'mode-set', text: `${modeInWords[mode]}${why}.` };
  const words = goals.map(goalInWords).join('; then ');
  return { ...about, kind: 'goals-set', text: words ? `The goal is ${words}${why}.` : `No goal${why}.` };
}

const modeInWords = {
  auto: 'The controller sets thresholds',
  pinned: 'Thresholds are pinned: the controller leaves them',
  frozen: 'Thresholds are frozen',
};

function withGoals(state: GroupState, before: GroupState, goals: Orders['goals']): GroupState {
  if (goals.revision === before.goalsRevision) return state;
  const floorMoved = floorOf(goals.goals) !== floorOf(before.goals);
  const tuners = floorMoved
    ? Object.fromEntries(Object.entries(before.tuners).map(([digest, tuner]) => [digest, uncertified(tuner)]))
    : before.tuners;
  const changed = JSON.stringify(goals.goals) !== JSON.stringify(before.goals);
  return {
    ...state,
    ...{ goalsRevision: goals.revision, goals: goals.goals, mode: goals.mode, tuners },
    apart: floorMoved
      ? state.apart.map((device) => ({ ...device, tuner: uncertified(device.tuner) }))
      : state.apart,
    met: changed ? null : before.met,
  };
}

/** What audits have certified was certified of another goal; what was audited still counts. */
function uncertified(tuner: TunerState): TunerState {
  return { ...tuner, certifiedByAudits: 0, certified: 0, watch: newAgreementWatch };
}

const floorOf = (goals: GroupState['goals']) =>
  goals.find((goal) => goal.kind === 'agreement')?.floor ?? null;

/** Policies that the state has not seen, by number; of each number, the last. */
function newPolicies(before: GroupState, { newest, history }: Orders): PolicyView[] {
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

/** Whether the controller was to set thresholds when a person did. A controller, whose state may be lost, names the bundle. */
function goesAgainstController(state: GroupState, policy: PolicyView): boolean {
  return state.goals.length > 0 && (state.number > 0 || policy.bundleDigest === null);
}

function policySet(group: string, policy: PolicyView, pins: boolean): NewEvent {
  const { version, author, reason, thresholds } = policy;
  const left = pins ? ' The controller leaves it alone until `offramp fleet resume`.' : '';
  return {
    ...nothingOf(group),
    ...{ kind: 'policy', severity: 'info', author, policyVersion: version, thresholds },
    text: `${author || somebody} set policy ${version}${reason ? `: ${reason}` : ''}.${left}`,
  };
}

const somebody = 'somebody';

function withPolicy(state: GroupState, { newest: { policy }, history }: Orders): GroupState {
  if (isAsDecided(state, policy)) return state;
  const content = policy ? contentOf(policy) : null;
  // Of one number, what devices have had last is what counts.
  const known = [...history, ...(policy ? [policy] : [])]
    .filter(
      ({ version }) => !state.known.some((other) => other.version === version) || version === policy?.version,
    )
    .reduce(learnPolicy, state.known);
  const excepted = new Set(content?.exceptions.map(({ device }) => device));
  return {
    ...state,
    ...{ policy: content, known, canary: null, bar: null },
    apart: state.apart.filter(({ device }) => excepted.has(device)),
  };
}

export function samePolicy(a: PolicyContent, b: PolicyContent): boolean {
  const bytes = (policy: PolicyContent) => v1.Policy.encode(writePolicyMessage(policy)).finish();
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}

/** A policy without when it was set. */
export function contentOf(policy: PolicyContent): PolicyContent {
  const { group, version, thresholds, bundleDigest, author, reason } = policy;
  const { auditRate, maxAuditBytesPerHour, latencyTargetMs, canary, exceptions } = policy;
  return {
    ...{ group, version, thresholds, bundleDigest, author, reason },
    ...{ auditRate, maxAuditBytesPerHour, latencyTargetMs, canary, exceptions },
  };
}

/** What an event says that is about nothing in particular. */
export function nothingOf(
  group: string,
): Pick<NewEvent, 'group' | 'device' | 'policyVersion' | 'thresholds' | 'explanation' | 'facts'> {
  return { group, device: '', policyVersion: 0, thresholds: [], explanation: [], facts: null };
}
