import type { WindowMessage } from '@offramp/shared';

/** Counts of a stretch of time; the fields are those of `Window` in `fleet.proto`. */
export interface WindowCounts {
  samples: number;
  /** Answers per exit; the last entry is the final exit. */
  exits: number[];
  offloaded: number;
  degraded: number;
  refused: number;
  failed: number;
  labelled: number;
  correct: number;
  offloadBytes: number;
  deviceMacs: number;
  cloudMacs: number;
  /** One entry a branch. */
  agreement: { compared: number; agreed: number }[];
  /** What was sent to workers, one entry an encoding. */
  encodings: { encoding: number; samples: number; bytes: number }[];
  audited: number;
  auditsAgreed: number;
  auditsDropped: number;
  auditBytes: number;
}

/** Fills in what proto3 leaves out. */
export function readWindow(message: WindowMessage | null | undefined): WindowCounts {
  return {
    samples: message?.samples ?? 0,
    exits: message?.exits ?? [],
    offloaded: message?.offloaded ?? 0,
    degraded: message?.degraded ?? 0,
    refused: message?.refused ?? 0,
    failed: message?.failed ?? 0,
    labelled: message?.labelled ?? 0,
    correct: message?.correct ?? 0,
    offloadBytes: message?.offloadBytes ?? 0,
    deviceMacs: message?.deviceMacs ?? 0,
    cloudMacs: message?.cloudMacs ?? 0,
    agreement: (message?.agreement ?? []).map(({ compared, agreed }) => ({
      compared: compared ?? 0,
      agreed: agreed ?? 0,
    })),
    encodings: (message?.encodings ?? []).map(({ encoding, samples, bytes }) => ({
      encoding: encoding ?? 0,
      samples: samples ?? 0,
      bytes: bytes ?? 0,
    })),
    audited: message?.audited ?? 0,
    auditsAgreed: message?.auditsAgreed ?? 0,
    auditsDropped: message?.auditsDropped ?? 0,
    auditBytes: message?.auditBytes ?? 0,
  };
}

const plainCounts = [
  'samples',
  'offloaded',
  'degraded',
  'refused',
  'failed',
  'labelled',
  'correct',
  'offloadBytes',
  'deviceMacs',
  'cloudMacs',
  'audited',
  'auditsAgreed',
  'auditsDropped',
  'auditBytes',
] as const;

/** Adds one stretch's counts to another's. Sums stay within what the contracts carry exactly, 2⁵³ − 1. */
export function addWindow(into: WindowCounts, window: WindowCounts): void {
  for (const name of plainCounts) into[name] = add(into[name], window[name]);
  window.exits.forEach((count, exit) => {
    into.exits[exit] = add(into.exits[exit] ?? 0, count);
  });
  window.agreement.forEach(({ compared, agreed }, branch) => {
    const sum = into.agreement[branch];
    into.agreement[branch] = {
      compared: add(sum?.compared ?? 0, compared),
      agreed: add(sum?.agreed ?? 0, agreed),
    };
  });
  for (const { encoding, samples, bytes } of window.encodings) {
    const sum = into.encodings.find((entry) => entry.encoding === encoding);
    if (sum) Object.assign(sum, { samples: add(sum.samples, samples), bytes: add(sum.bytes, bytes) });
    else into.encodings.push({ encoding, samples, bytes });
  }
}

const add = (a: number, b: number) => Math.min(a + b, Number.MAX_SAFE_INTEGER);
