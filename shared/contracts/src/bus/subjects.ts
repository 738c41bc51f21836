import { OfframpError, quoted } from '@offramp/runtime';
import { z } from 'zod';

/** Everything Offramp says over NATS is said under this prefix. */
const prefix = 'offramp.v1';

/** The JetStream stream that holds telemetry reports until they are too old. */
export const telemetryStream = 'OFFRAMP_TELEMETRY';
export const telemetrySubjects = `${prefix}.telemetry.*.*`;

/** A device publishes its `TelemetryReport`s here. */
export function telemetrySubject(group: string, device: string): string {
  return `${prefix}.telemetry.${checkName('group', group)}.${checkName('device', device)}`;
}

/** An agent listens here for others that want its name, and asks here whether one has it: `NameClaim`s. */
export function nameSubject(group: string, device: string): string {
  return `${prefix}.names.${checkName('group', group)}.${checkName('device', device)}`;
}

/** A worker publishes its `WorkerReport`s here. They are not stored. */
export function workerSubject(worker: string): string {
  return `${prefix}.workers.${checkName('worker', worker)}`;
}
export const workerSubjects = `${prefix}.workers.*`;

/** The JetStream key-value bucket of policies: the key is the group, the value a `Policy`. */
export const policyBucket = 'OFFRAMP_POLICIES';
/** How many policies of a group the bucket remembers; the most that NATS allows. */
export const policyHistory = 64;

/** A group's policies as they are put into the bucket. */
export function policyKeySubject(group: string): string {
  return `${policyKeys}${checkName('group', group)}`;
}
/** A device reads its group's newest policy here. The key is a part of the subject, so that it can be permitted alone. */
export function policyReadSubject(group: string): string {
  return `$JS.API.DIRECT.GET.KV_${policyBucket}.${policyKeySubject(group)}`;
}
const policyKeys = `$KV.${policyBucket}.`;

/** A group's policies as the bucket's stream publishes them again, once it has stored them; for devices. */
export function policySubject(group: string): string {
  return `${policies}${checkName('group', group)}`;
}
const policies = `${prefix}.policies.`;

/** What makes the stream do so, in its configuration. */
export const policyRepublish = { src: `${policyKeys}*`, dest: `${policies}{{wildcard(1)}}` };

/** The bucket of what controllers work on: `goals.GROUP`, what operators want; `state.GROUP`, what was made of it; `presence`, who is silent. */
export const controlBucket = 'OFFRAMP_CONTROL';
/** The bucket whose one key says which controller leads. What is in it lapses by itself. */
export const leaseBucket = 'OFFRAMP_LEASE';
/** The object store of what controllers need of bundles: manifest and calibration table, by digest. */
export const bundleStore = 'OFFRAMP_BUNDLES';

/** The stream of what was decided, for whom and why. */
export const eventStream = 'OFFRAMP_EVENTS';
export const eventSubjects = `${prefix}.events.*`;

/** @param group empty: of the whole fleet, which no group can be called */
export function eventSubject(group: string): string {
  return `${prefix}.events.${group === '' ? '$fleet' : checkName('group', group)}`;
}

/** Of who falls silent and who is back, in any group. */
export const presenceEventSubject = `${prefix}.events.$presence`;

/** The controller's request-reply endpoints, each a subject under this prefix. */
export const controllerService = 'offramp-controller';
export const controllerSubject = `${prefix}.controller`;
export const controllerEndpoints = {
  listDevices: 'devices.list',
  getPolicy: 'policy.get',
  setPolicy: 'policy.set',
  policyHistory: 'policy.history',
  getEvidence: 'evidence.get',
  getGoals: 'goals.get',
  setGoals: 'goals.set',
  setMode: 'mode.set',
  getStatus: 'status.get',
  rollBack: 'policy.roll-back',
  listEvents: 'events.list',
} as const;
export type ControllerEndpoint = keyof typeof controllerEndpoints;

const namePattern = /^[A-Za-z0-9_-]{1,64}$/;
const nameExpectation = "expected 1 to 64 letters, digits, '_' or '-'";

/** An option that {@link checkName} takes, so that what is wrong with it is said of the option. */
export const nameSchema = z.string().regex(namePattern, nameExpectation);

export const isName = (text: string) => namePattern.test(text);

/**
 * Names of devices and groups become tokens of subjects and keys of buckets.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function checkName(what: 'device' | 'group' | 'worker', name: string): string {
  if (!isName(name)) {
    throw new OfframpError('CONFIG_INVALID', `${what}: ${nameExpectation}; found ${quoted(name)}`);
  }
  return name;
}
