import {
  type FleetEventInit,
  type FleetEventMessage,
  type TuningFactsInit,
  type TuningFactsMessage,
  v1,
} from '@offramp/contracts';
import type { FleetEvent, FleetEventKind, NewEvent } from '../decide/model/fleet-event.js';
import type { TuningFacts } from '../decide/tuner/tuning-decision.js';

export function encodeEvent(event: NewEvent): Uint8Array {
  return v1.FleetEvent.encode(writeEvent(event)).finish();
}

export function writeEvent({ severity, facts, ...event }: NewEvent & Partial<FleetEvent>): FleetEventInit {
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
    sequence: message.sequence,
    at: new Date(message.atMs),
    group: message.group,
    device: message.device,
    kind: message.kind as FleetEventKind,
    severity: message.warning ? 'warning' : 'info',
    text: message.text,
    author: message.author,
    policyVersion: message.policyVersion,
    thresholds: message.thresholds,
    explanation: message.explanation,
    facts: message.facts ? readFacts(message.facts) : null,
  };
}

export function writeFacts({ provenBy, ...facts }: TuningFacts): TuningFactsInit {
  return { ...facts, provenByAudits: provenBy === 'audits' };
}

export function readFacts(message: TuningFactsMessage): TuningFacts {
  return {
    agreement: message.agreement,
    agreementBound: message.agreementBound,
    provenBy: message.provenByAudits ? 'audits' : 'table',
    cost: message.cost,
    offloadShare: message.offloadShare,
    exitShares: message.exitShares,
    samples: message.samples,
    records: message.records,
    tableSamples: message.tableSamples,
  };
}
