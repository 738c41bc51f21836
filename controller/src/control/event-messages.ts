import { type FleetEventMessage, type TuningFactsMessage, v1 } from '@offramp/shared';
import type { TuningFacts } from '../tuner/tune.js';
import type { FleetEvent, FleetEventKind } from './fleet-control.js';
import type { NewEvent } from './group-state.js';

export function encodeEvent(event: NewEvent): Uint8Array {
  return v1.FleetEvent.encode(writeEvent(event)).finish();
}

export function writeEvent({ severity, facts, ...event }: NewEvent & Partial<FleetEvent>): FleetEventMessage {
  const { at, ...rest } = event;
  return {
    ...rest,
    warning: severity === 'warning',
    facts: facts && writeFacts(facts),
    ...(at ? { atMs: at.getTime() } : {}),
  };
}

export function readEvent(message: FleetEventMessage): FleetEvent {
  return {
    sequence: message.sequence ?? 0,
    at: new Date(message.atMs ?? 0),
    group: message.group ?? '',
    device: message.device ?? '',
    kind: (message.kind ?? '') as FleetEventKind,
    severity: message.warning ? 'warning' : 'info',
    text: message.text ?? '',
    author: message.author ?? '',
    policyVersion: message.policyVersion ?? 0,
    thresholds: message.thresholds ?? [],
    explanation: message.explanation ?? [],
    facts: message.facts ? readFacts(message.facts) : null,
  };
}

export function writeFacts({ provenBy, ...facts }: TuningFacts): TuningFactsMessage {
  return { ...facts, provenByAudits: provenBy === 'audits' };
}

export function readFacts(message: TuningFactsMessage): TuningFacts {
  return {
    agreement: message.agreement ?? 0,
    agreementBound: message.agreementBound ?? 0,
    provenBy: message.provenByAudits ? 'audits' : 'table',
    cost: message.cost ?? 0,
    offloadShare: message.offloadShare ?? 0,
    exitShares: message.exitShares ?? [],
    samples: message.samples ?? 0,
    records: message.records ?? 0,
    tableSamples: message.tableSamples ?? 0,
  };
}
