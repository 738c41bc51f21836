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
