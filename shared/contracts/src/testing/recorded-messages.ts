import { CloudLink, Encoding, Lifecycle } from '../wire/messages.js';

const bytes = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => first + i);
const digest = bytes(32, 1);
const tensor = { shape: [2, 3], encoding: Encoding.ENCODING_INT8_DEFLATE, data: bytes(6, 200) };
const answer = {
  ...{ label: 7, confidence: 0.75, exit: 4, policyVersion: 300, bundleDigest: digest },
  ...{ queueUs: 1_500, computeUs: 2_500, passed: [{ exit: 3, label: 6, confidence: 0.5 }] },
};
const evidence = {
  ...{ policyVersion: 3, samples: 10, left: [6, 3, 1], degraded: 1, offloaded: 4, refusedByWorker: 1 },
  confidence: [{ firstBin: 40, counts: [1, 2, 300] }, {}],
  audits: [{ agreed: { firstBin: 60, counts: [5] }, disagreed: { firstBin: 41, counts: [1] } }, {}],
  ...{ auditsChosen: 9, audited: 6, auditedFinal: 1, auditsDropped: { busy: 1, budget: 2, failed: 3 } },
  ...{ auditBytes: 4_096, auditRecords: bytes(3, 0), auditRecordsDropped: 2, latencySketch: bytes(4, 9) },
  late: [1, 0, 0],
};
const plainPolicy = {
  ...{ group: 'cameras', version: 8, thresholds: [0.5, 0.75], bundleDigest: digest, author: 'ada' },
  ...{ reason: 'try', auditRate: 0.25, maxAuditBytesPerHour: 1_000_000, latencyTargetMs: 12.5 },
};
const facts = {
  ...{ agreement: 0.985, agreementBound: 0.98, provenByAudits: true, cost: 0.25, offloadShare: 0.125 },
  ...{ exitShares: [0.5, 0.5], samples: 1_000, records: 400, tableSamples: 10_000 },
};

/** A message of each kind that programs exchange or store, with every field set. */
export const recordedMessages = {
  ResumeRequest: {
    ...{ sampleId: 2 ** 40 + 5, bundleDigest: digest, stage: 2, tensor, thresholds: [0.5, 1.5] },
    ...{ policyVersion: 3, deadlineMs: 250, audit: true },
  },
  ResumeResponse: { sampleId: 17, answer },
  Refusal: { code: 8, message: 'full', retryAfterMs: 250 },
  ClassifyRequest: { bundleDigest: digest, tensor },
  ClassifyResponse: { answer, probabilities: [0.25, 0.75] },
  TelemetryReport: {
    ...{ device: 'cam-1', group: 'cameras', bootId: 'b0', sequence: 12, windowMs: 5_000 },
    state: {
      ...{ lifecycle: Lifecycle.LIFECYCLE_RUNNING, agentVersion: '0.1.0', bundleDigest: digest },
      ...{ bundleName: 'shoes', branches: 2, deviceStages: 2, policyVersion: 3, thresholds: [0.5, 0.75] },
      ...{ cloudLink: CloudLink.CLOUD_LINK_CONNECTED, policyError: 'stale', auditRate: 0.25 },
      ...{ maxAuditBytesPerHour: 1_000_000, policyErrorCode: 'POLICY_INVALID' },
    },
    window: {
      ...{ samples: 10, exits: [6, 3, 1], offloaded: 4, degraded: 1, refused: 2, failed: 3, labelled: 9 },
      ...{ correct: 8, offloadBytes: 12_800, deviceMacs: 2 ** 41, cloudMacs: 2 ** 42, audited: 6 },
      ...{ auditsAgreed: 5, auditsDropped: 6, auditBytes: 4_096, evidenceDropped: 1, inputBytes: 6_000 },
      agreement: [{ compared: 4, agreed: 3 }, {}],
      latencySketch: bytes(5, 30),
      encodings: [{ encoding: 19, samples: 4, bytes: 12_800 }],
      evidence: [evidence],
    },
  },
  NameClaim: { bootId: 'b0', host: 'edge-1', running: true },
  Policy: {
    ...plainPolicy,
    canary: { below: 2 ** 30, stable: { ...plainPolicy, version: 7 } },
    exceptions: [{ device: 'cam-9', thresholds: [1.5, 1.5], auditRate: 1 }],
    requestId: 'r-1',
  },
  WorkerReport: {
    ...{ worker: 'gpu-1', bootId: 'w0', sequence: 4, windowMs: 2_000, version: '0.1.0', threads: 8 },
    ...{ utilisation: 0.5, queued: 3, maxQueue: 256, answered: 900, refused: 5, streams: 20 },
    stages: [{ bundleDigest: digest, stage: 3, samples: 900, seconds: 1.25 }],
  },
  FleetEvent: {
    ...{ sequence: 5, atMs: 1_700_000_000_000, group: 'cameras', device: 'cam-1', kind: 'policy-set' },
    ...{ warning: true, text: 'set', author: 'ada', policyVersion: 8, thresholds: [0.5, 0.75] },
    ...{ explanation: ['because'], facts },
  },
} as const;
