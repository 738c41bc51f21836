import { offramp } from '#proto';

/** The contracts of `proto/offramp/v1`, generated at build. */
export const v1 = offramp.v1;

export const Encoding = offramp.v1.Encoding;
export type Encoding = offramp.v1.Encoding;
export const Lifecycle = offramp.v1.Lifecycle;
export type Lifecycle = offramp.v1.Lifecycle;
export const CloudLink = offramp.v1.CloudLink;
export type CloudLink = offramp.v1.CloudLink;

export type TensorMessage = offramp.v1.Tensor.$Properties;
export type ResumeRequest = offramp.v1.ResumeRequest.$Properties;
export type ResumeResponse = offramp.v1.ResumeResponse.$Properties;
export type AnswerMessage = offramp.v1.Answer.$Properties;
export type RefusalMessage = offramp.v1.Refusal.$Properties;
export type ClassifyRequest = offramp.v1.ClassifyRequest.$Properties;
export type ClassifyResponse = offramp.v1.ClassifyResponse.$Properties;

export type TelemetryReport = offramp.v1.TelemetryReport.$Properties;
export type DeviceStateMessage = offramp.v1.DeviceState.$Properties;
export type WindowMessage = offramp.v1.Window.$Properties;
export type EvidenceMessage = offramp.v1.Evidence.$Properties;
export type HistogramMessage = offramp.v1.Histogram.$Properties;
export type PolicyMessage = offramp.v1.Policy.$Properties;
export type CanaryMessage = offramp.v1.Canary.$Properties;
export type WorkerReport = offramp.v1.WorkerReport.$Properties;
export type PolicyRecordMessage = offramp.v1.PolicyRecord.$Properties;
export type DeviceMessage = offramp.v1.Device.$Properties;
export type FleetSummaryMessage = offramp.v1.FleetSummary.$Properties;
export type ListDevicesRequest = offramp.v1.ListDevicesRequest.$Properties;
export type ListDevicesResponse = offramp.v1.ListDevicesResponse.$Properties;
export type GetPolicyRequest = offramp.v1.GetPolicyRequest.$Properties;
export type GetPolicyResponse = offramp.v1.GetPolicyResponse.$Properties;
export type SetPolicyRequest = offramp.v1.SetPolicyRequest.$Properties;
export type SetPolicyResponse = offramp.v1.SetPolicyResponse.$Properties;
export type GetEvidenceRequest = offramp.v1.GetEvidenceRequest.$Properties;
export type GetEvidenceResponse = offramp.v1.GetEvidenceResponse.$Properties;
export type PolicyHistoryRequest = offramp.v1.PolicyHistoryRequest.$Properties;
export type PolicyHistoryResponse = offramp.v1.PolicyHistoryResponse.$Properties;

export const ControlModeCode = offramp.v1.ControlMode;
export type ControlModeCode = offramp.v1.ControlMode;
export type GoalMessage = offramp.v1.Goal.$Properties;
export type GroupGoalsMessage = offramp.v1.GroupGoals.$Properties;
export type GroupStatusMessage = offramp.v1.GroupStatus.$Properties;
export type TuningFactsMessage = offramp.v1.TuningFacts.$Properties;
export type FleetEventMessage = offramp.v1.FleetEvent.$Properties;
