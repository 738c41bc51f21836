import {
  type ControllerEndpoint,
  checkName,
  type DeviceInit,
  type PolicyRecordInit,
  v1,
} from '@offramp/contracts';
import { messageOf, OfframpError } from '@offramp/runtime';
import { expectedPolicy } from '../decide/model/expected-policy.js';
import { type PolicyView, writePolicyMessage } from '../decide/model/policy-view.js';
import type { DeviceView } from '../ingest/register/fleet-register.js';
import { setGoalsInput, setModeInput } from '../operations/goals.js';
import { maxPageSize } from '../operations/limits.js';
import type { Operations } from '../operations/operations.js';
import { parseInput } from '../operations/parse-input.js';
import { type PolicyReach, rollBackInput, setPolicyInput } from '../operations/policies.js';
import { writeEvent } from '../store/event-messages.js';
import { readGoal, readMode, writeGap, writeGoals, writeStatus } from './control-messages.js';
import { writeEvidence } from './evidence-messages.js';

/** Translates a request's bytes into an operation, and its result into the reply's bytes. */
export type Translation = (data: Uint8Array) => Promise<Uint8Array>;

/**
 * The translations of the NATS service's requests.
 * @param maxReplyBytes limit of one NATS message
 */
export function translations(
  operations: Operations,
  maxReplyBytes: () => number,
): Record<ControllerEndpoint, Translation> {
  const { groups, devices, policies, goals, events } = operations;
  return {
    async listDevices(data) {
      const { group, pageToken, pageSize } = decoded(v1.ListDevicesRequest, data);
      const limit = Math.min(pageSize || maxPageSize, maxPageSize);
      const page = devices.list(group, pageToken, limit);
      const newest = await newestPolicies(operations, page.devices);
      const listed = page.devices.map((view) => deviceMessage(view, newest.get(view.group) ?? null));
      const fitting = fittingIn(maxReplyBytes(), listed, v1.Device);
      const next = fitting.length < listed.length ? page.keys[fitting.length - 1] : page.next;
      return v1.ListDevicesResponse.encode({
        devices: fitting,
        nextPageToken: next ?? '',
        summary: pageToken ? null : devices.summary(group),
      }).finish();
    },
    async getPolicy(data) {
      const { group } = decoded(v1.GetPolicyRequest, data);
      await groups.checkExists(group);
      const policy = await policies.get(group);
      return v1.GetPolicyResponse.encode(policy ? { policy: recordOf(policy) } : {}).finish();
    },
    async setPolicy(data) {
      const { group, thresholds, bundle, auditRate, maxAuditBytesPerHour, ...rest } = decoded(
        v1.SetPolicyRequest,
        data,
      );
      const input = parseInput('policy', setPolicyInput, {
        ...byOf(rest),
        expectedVersion: rest.expectedVersion,
        ...(thresholds.length > 0 ? { thresholds } : {}),
        ...(bundle === '' ? {} : { bundle }),
        ...(auditRate == null ? {} : { auditRate }),
        ...(maxAuditBytesPerHour == null ? {} : { maxAuditBytesPerHour }),
      });
      const policy = await policies.set(checkName('group', group), input);
      return v1.SetPolicyResponse.encode({
        policy: recordOf(policy),
        ...reachOf(policies.reach(policy)),
      }).finish();
    },
    async policyHistory(data) {
      const { group } = decoded(v1.PolicyHistoryRequest, data);
      await groups.checkExists(group);
      const history = await policies.history(group);
      return v1.PolicyHistoryResponse.encode({ policies: history.map(recordOf) }).finish();
    },
    async getEvidence(data) {
      const { group, device } = decoded(v1.GetEvidenceRequest, data);
      if (device) devices.get(group, device);
      else await groups.checkExists(group);
      return writeEvidence(devices.evidenceCounts(group, device), maxReplyBytes());
    },
    async getGoals(data) {
      const { group } = decoded(v1.GetGoalsRequest, data);
      await groups.checkExists(group);
      return v1.GroupGoals.encode(writeGoals(await goals.get(group))).finish();
    },
    async setGoals(data) {
      const { group, goals: asked, expectedRevision, ...rest } = decoded(v1.SetGoalsRequest, data);
      const wanted = { goals: asked.map(readGoal), expectedRevision, ...byOf(rest) };
      const input = parseInput('goals', setGoalsInput, wanted);
      return v1.GroupGoals.encode(writeGoals(await goals.set(checkName('group', group), input))).finish();
    },
    async setMode(data) {
      const { group, mode, ...rest } = decoded(v1.SetModeRequest, data);
      const input = parseInput('mode', setModeInput, { mode: readMode(mode), ...byOf(rest) });
      return v1.GroupGoals.encode(writeGoals(await goals.setMode(checkName('group', group), input))).finish();
    },
    async getStatus(data) {
      const { group } = decoded(v1.GetStatusRequest, data);
      await groups.checkExists(group);
      return v1.GroupStatus.encode(writeStatus(await groups.status(group))).finish();
    },
    async rollBack(data) {
      const { group, version, ...rest } = decoded(v1.RollBackRequest, data);
      const input = parseInput('rollback', rollBackInput, { version, ...byOf(rest) });
      await groups.checkExists(group);
      const policy = await policies.rollBack(group, input);
      return v1.RollBackResponse.encode({
        policy: recordOf(policy),
        ...reachOf(policies.reach(policy)),
      }).finish();
    },
    async listEvents(data) {
      const { group, limit, before, after } = decoded(v1.ListEventsRequest, data);
      const most = Math.min(limit || maxPageSize, maxPageSize);
      const found = (await events.list(group, most, before, after)).map(writeEvent);
      // Explanations may be long. A client that gets fewer events than requested continues from the last one.
      return v1.ListEventsResponse.encode({
        events: fittingIn(maxReplyBytes(), found, v1.FleetEvent),
      }).finish();
    },
  };
}

/** The fields of every change, in the operations' form. */
function byOf({ author, reason, requestId }: { author: string; reason: string; requestId: string }) {
  return { author, reason, ...(requestId === '' ? {} : { requestId }) };
}

/** @throws OfframpError `REQUEST_INVALID` for bytes that are not the message */
function decoded<T>(type: { decode(data: Uint8Array): T }, data: Uint8Array): T {
  try {
    return type.decode(data);
  } catch (cause) {
    throw new OfframpError(
      'REQUEST_INVALID',
      `the request is not the expected message: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** Bytes of a nested message's tag and length. */
const overheadBytes = 8;

/** The first messages that fit into a reply, at least one. */
function fittingIn<T>(
  maxBytes: number,
  messages: readonly T[],
  type: { encode(message: T): { finish(): Uint8Array } },
): T[] {
  let bytes = 0;
  const end = messages.findIndex((message, i) => {
    bytes += type.encode(message).finish().length + overheadBytes;
    return bytes > maxBytes && i > 0;
  });
  return messages.slice(0, end === -1 ? messages.length : end);
}

async function newestPolicies(
  { policies }: Operations,
  devices: readonly DeviceView[],
): Promise<Map<string, PolicyView | null>> {
  const groups = [...new Set(devices.map(({ group }) => group))];
  return new Map(await Promise.all(groups.map(async (group) => [group, await policies.get(group)] as const)));
}

function recordOf({ setAt, requestId, ...policy }: PolicyView): PolicyRecordInit {
  return { policy: { ...writePolicyMessage(policy), requestId }, setAtMs: setAt.getTime() };
}

const reachOf = ({ gaps, ...rest }: PolicyReach) => ({ ...rest, policyGaps: gaps.map(writeGap) });

function deviceMessage(view: DeviceView, newest: PolicyView | null): DeviceInit {
  const bundleDigest = Buffer.from(view.state.bundleDigest, 'hex');
  const expected = expectedPolicy(newest, view.device);
  return {
    ...view,
    state: { ...view.state, bundleDigest },
    newestPolicyVersion: newest?.version ?? 0,
    expectedPolicyVersion: expected.version,
    expectedBundleDigest: Buffer.from(expected.bundleDigest ?? '', 'hex'),
  };
}
