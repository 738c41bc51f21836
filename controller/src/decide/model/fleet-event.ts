import type { TuningFacts } from '../tuner/tuning-decision.js';

export type FleetEventKind =
  | 'goals-set'
  | 'mode-set'
  /** All devices get a new policy at once. */
  | 'policy'
  | 'canary'
  | 'widened'
  | 'promoted'
  | 'rolled-back'
  | 'drift'
  | 'goal-unmet'
  | 'goal-met'
  /** Many answers are degraded, because the cloud did not answer. */
  | 'degraded'
  | 'degraded-over'
  | 'device-deviates'
  | 'device-rejoined'
  /** Devices stopped reporting without announcing a stop; and devices of these that report again. */
  | 'devices-silent'
  | 'devices-back'
  /** The same for workers, whether they were stopped or not. */
  | 'workers-silent'
  | 'workers-back'
  /** JetStream stores again, after a time in which it did not although NATS was connected. */
  | 'jetstream-back'
  | 'leader';

/** Stands where a group's name would for events that concern no single group; a group may be called so, too. */
export const fleetLabel = 'fleet';

/** An entry of the fleet's history: a decision with its reasons and facts, or a change by an operator. */
export interface FleetEvent {
  /** Its number in the stream of events. */
  sequence: number;
  /** By the NATS server's clock. */
  at: Date;
  /** Empty if it concerns no single group. */
  group: string;
  /** Empty if it concerns no single device. */
  device: string;
  kind: FleetEventKind;
  severity: 'info' | 'warning';
  /** One sentence. */
  text: string;
  author: string;
  /** 0: it concerns none. */
  policyVersion: number;
  /** Thresholds of a new policy; else empty. */
  thresholds: number[];
  explanation: string[];
  facts: TuningFacts | null;
}

/** An event to publish; NATS assigns its number and time. */
export type NewEvent = Omit<FleetEvent, 'sequence' | 'at'>;

/** An event with defaults for fields that do not apply. Severity: `info` unless given. */
export function newEvent(
  event: Pick<NewEvent, 'group' | 'kind' | 'author' | 'text'> & Partial<NewEvent>,
): NewEvent {
  return {
    ...{ device: '', severity: 'info', policyVersion: 0, thresholds: [], explanation: [], facts: null },
    ...event,
  };
}
