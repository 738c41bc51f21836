export { BusAccess, openOptionalBus } from './bus/bus-access.js';
export { BusLink, type BusListener } from './bus/bus-link.js';
export { type BusConfig, busOptions } from './bus/bus-options.js';
export { connectBus } from './bus/connect.js';
export { hostName } from './bus/host-name.js';
export {
  defaultTelemetryRetention,
  ensureEventStream,
  ensureTelemetryStream,
  jetStreamError,
  openBundleStore,
  openControlBucket,
  openLeaseBucket,
  openPolicyBucket,
  republishesPolicies,
  type TelemetryRetention,
} from './bus/jetstream.js';
export {
  type BusParty,
  type BusPermissions,
  inboxPrefix,
  permissionsOf,
  serverPermissions,
} from './bus/permissions.js';
export {
  type ControllerEndpoint,
  checkName,
  controllerEndpoints,
  controllerService,
  controllerSubject,
  eventStream,
  eventSubject,
  leaseBucket,
  nameSchema,
  nameSubject,
  policyBucket,
  policyKeySubject,
  policyReadSubject,
  policySubject,
  presenceEventSubject,
  telemetryStream,
  telemetrySubject,
  workerSubject,
  workerSubjects,
} from './bus/subjects.js';
export { type ConnectionListener, watchConnection } from './bus/watch-connection.js';
export { expectAtMost, expectEqual, expectFew, sumOf } from './counts/check-counts.js';
export { checkAuditRate, defaultMaxAuditBytesPerHour } from './evidence/audit-limits.js';
export { binOf, binStarts, confidenceBins } from './evidence/confidence-bins.js';
export { EvidenceCounts, type EvidenceCountsOptions } from './evidence/evidence-counts.js';
export type {
  AuditDropReason,
  AuditDrops,
  AuditRecord,
  ExitEvidence,
  PolicyEvidence,
} from './evidence/exit-evidence.js';
export type { ExitOutcome } from './evidence/exit-outcome.js';
export { maxReportedPolicies, maxReportedRecords, maxReportedTextLength } from './evidence/report-limits.js';
export { identityOf } from './identity/certificate-identity.js';
export { type CertificateProblem, Peer } from './identity/peer.js';
export { formatIdentity, type Identity, parseIdentity, type Role } from './identity/spiffe-id.js';
export {
  type OwnCertificate,
  ownIdentity,
  type TlsCredentials,
  type Trust,
} from './identity/tls-credentials.js';
export { openTlsCredentials, type TlsPaths, tlsOptions } from './identity/tls-options.js';
export { canaryPlace } from './policy/canary-place.js';
export { beyondLimit, expectedFound, goalLimits, type NumberLimit } from './policy/goal-limits.js';
export { maxPolicyBytes, maxPolicyExceptions } from './policy/policy-limits.js';
export { checkThresholds, leaves, maxThreshold, neverExit, neverExits } from './policy/thresholds.js';
export { LatencySketch } from './telemetry/latency-sketch.js';
export {
  addCounts,
  addWindowCounters,
  copyWindowCounters,
  pickWindowCounters,
  type WindowCounter,
  WindowCounters,
  windowCounters,
} from './telemetry/window-counters.js';
export { grpcStatusOf } from './wire/grpc-status.js';
export type { Decoded, MessageInit, MessageType } from './wire/message-types.js';
export {
  type AnswerInit,
  type AnswerMessage,
  type CanaryInit,
  type CanaryMessage,
  type ClassifyRequest,
  type ClassifyRequestInit,
  type ClassifyResponse,
  type ClassifyResponseInit,
  CloudLink,
  ControlModeCode,
  type DeviceInit,
  type DeviceMessage,
  type DeviceStateInit,
  type DeviceStateMessage,
  Encoding,
  type EvidenceInit,
  type EvidenceMessage,
  type FleetEventInit,
  type FleetEventMessage,
  type GetEvidenceResponse,
  type GoalMessage,
  type GroupGoalsMessage,
  type GroupStatusInit,
  type GroupStatusMessage,
  type HistogramInit,
  Lifecycle,
  type ListDevicesRequest,
  type ListDevicesResponse,
  type NameClaim,
  type PolicyGapInit,
  type PolicyGapMessage,
  type PolicyInit,
  type PolicyMessage,
  type PolicyRecordInit,
  type PolicyRecordMessage,
  type RefusalInit,
  type RefusalMessage,
  type ResumeRequest,
  type ResumeRequestInit,
  type ResumeResponse,
  type ResumeResponseInit,
  type SetPolicyRequest,
  type SetPolicyResponse,
  type TelemetryReport,
  type TelemetryReportInit,
  type TensorInit,
  type TensorMessage,
  type TuningFactsInit,
  type TuningFactsMessage,
  v1,
  type WindowInit,
  type WindowMessage,
  type WorkerReport,
  type WorkerReportInit,
} from './wire/messages.js';
export { MalformedMessage, offloadService, offloadServiceName } from './wire/offload-service.js';
export { UnsafeIntegerError } from './wire/protobuf.js';
