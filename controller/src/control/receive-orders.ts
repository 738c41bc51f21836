import { v1 } from '@offramp/shared';
import { type PolicyContent, writePolicyMessage } from '../policy/policy-view.js';
import { newAgreementWatch } from '../tuner/agreement-watch.js';
import { goalInWords } from '../tuner/explain.js';
import type { TunerState } from '../tuner/tuner-state.js';
import type { GroupInputs } from './group-inputs.js';
import { type GroupState, learnPolicy, type NewEvent } from './group-state.js';

/** What people have wanted since the last state: other goals, another mode, a policy of their own. */
export function receiveOrders(
  before: GroupState,
  inputs: Pick<GroupInputs, 'group' | 'goals' | 'newest' | 'history'>,
): { state: GroupState; events: NewEvent[] } {
  const goals = receiveGoals(before, inputs);
  const policy = receivePolicy(goals.state, inputs, before.number > 0 && before.goals.length > 0);
  return { state: policy.state, events: [...goals.events, ...policy.events] };
}

function receiveGoals(
  before: GroupState,
  { group, goals }: Pick<GroupInputs, 'group' | 'goals'>,
): { state: GroupState; events: NewEvent[] } {
  if (goals.revision === before.goalsRevision) return { state: before, events: [] };
  const changed = JSON.stringify(goals.goals) !== JSON.stringify(before.goals);
  const about = { ...nothingOf(group), author: goals.author, severity: 'info' as const };
  const why = goals.reason ? `: ${goals.reason}` : '';
  const events: NewEvent[] = [];
  const modeSet = goals.modeSets !== before.modeSets;
  if (changed || !modeSet) {
    const words = goals.goals.map(goalInWords).join('; then ');
    events.push({
      ...about,
      kind: 'goals-set',
      text: words ? `The goal is ${words}${why}.` : `No goal${why}.`,
    });
  }
  if (modeSet) {
    events.push({ ...about, kind: 'mode-set', text: `${modeInWords[goals.mode]}${why}.` });
  }
  const floorMoved = floorOf(goals.goals) !== floorOf(before.goals);
  const tuners = floorMoved
    ? Object.fromEntries(Object.entries(before.tuners).map(([digest, tuner]) => [digest, uncertified(tuner)]))
    : before.tuners;
  return {
    state: {
      ...before,
      ...{ goalsRevision: goals.revision, goals: goals.goals, tuners },
      ...{ mode: goals.mode, modeSets: goals.modeSets },
      apart: floorMoved
        ? before.apart.map((device) => ({ ...device, tuner: uncertified(device.tuner) }))
        : before.apart,
      // Whoever says `auto` lets go of what a person has set.
      pinnedBy: goals.mode === 'auto' && modeSet ? null : before.pinnedBy,
      met: changed ? null : before.met,
    },
    events,
  };
}

const modeInWords = {
  auto: 'The controller sets thresholds',
  pinned: 'Thresholds are pinned: the controller leaves them',
  frozen: 'Thresholds are frozen',
};

/** What audits have certified was certified of another goal; what was audited still counts. */
function uncertified(tuner: TunerState): TunerState {
  return { ...tuner, certifiedByAudits: 0, certified: 0, watch: newAgreementWatch };
}

const floorOf = (goals: GroupState['goals']) =>
  goals.find((goal) => goal.kind === 'agreement')?.floor ?? null;

/** @param tuned whether the controller was setting thresholds until then, so that a person's policy goes against it */
function receivePolicy(
  before: GroupState,
  { group, newest, history }: Pick<GroupInputs, 'group' | 'newest' | 'history'>,
  tuned: boolean,
): { state: GroupState; events: NewEvent[] } {
  const { policy } = newest;
  if (policy === null ? before.policy === null : before.policy && samePolicy(policy, before.policy)) {
    return { state: before, events: [] };
  }
  const content = policy ? contentOf(policy) : null;
  // Of one number, what devices have had last is what counts.
  const known = [...history, ...(policy ? [policy] : [])]
    .filter(
      ({ version }) =>
        !before.known.some((other) => other.version === version) || version === policy?.version,
    )
    .reduce(learnPolicy, before.known);
  const first = before.number === 0;
  const author = policy?.author || 'somebody';
  const pins = tuned && policy !== null;
  const excepted = new Set(content?.exceptions.map(({ device }) => device));
  const text = policy
    ? `${author} set policy ${policy.version}${policy.reason ? `: ${policy.reason}` : ''}.${pins ? ' The controller leaves it alone until `offramp fleet resume`.' : ''}`
    : 'The policy was deleted.';
  return {
    state: {
      ...before,
      ...{ policy: content, known, canary: null, bar: null },
      apart: before.apart.filter(({ device }) => excepted.has(device)),
      pinnedBy: pins ? { author, version: policy.version } : before.pinnedBy,
    },
    events: first
      ? []
      : [
          {
            ...nothingOf(group),
            ...{ kind: 'policy', severity: 'info', text, author: policy?.author ?? '' },
            ...{ policyVersion: policy?.version ?? 0, thresholds: policy?.thresholds ?? [] },
          },
        ],
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
