import { type NewEvent, newEvent } from '../model/fleet-event.js';
import type { GroupInputs } from '../model/group-inputs.js';
import { type GroupState, learnPolicy } from '../model/group-state.js';
import { contentOf, type PolicyContent } from '../model/policy-view.js';

/** The decision for a group so far. A value: each stage of `advanceGroup` returns the next one. */
export interface GroupDecision {
  readonly state: GroupState;
  /** Events to publish, in order. */
  readonly events: readonly NewEvent[];
  /** The policy to store; `null`: none. */
  readonly policy: PolicyContent | null;
}

export function withState(decision: GroupDecision, change: Partial<GroupState>): GroupDecision {
  return { ...decision, state: { ...decision.state, ...change } };
}

/** Sets the policy for devices, in place of one decided earlier in the same step. */
export function withPolicy(decision: GroupDecision, content: PolicyContent): GroupDecision {
  const policy = contentOf(content);
  const { known } = decision.state;
  return withState({ ...decision, policy }, { policy, known: learnPolicy(known, policy) });
}

/** Adds an event with the controller as author. */
export function withEvent(
  decision: GroupDecision,
  { group, author }: Pick<GroupInputs, 'group' | 'author'>,
  event: Pick<NewEvent, 'kind' | 'text'> & Partial<NewEvent>,
): GroupDecision {
  return { ...decision, events: [...decision.events, newEvent({ group, author, ...event })] };
}
