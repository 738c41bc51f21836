import { randomUUID } from 'node:crypto';
import {
  type ControllerEndpoint,
  type DeviceMessage,
  type PolicyRecordMessage,
  v1,
} from '@offramp/contracts';
import type { NatsConnection } from 'nats';
import type { ControlMode, GroupGoals, GroupStatus } from '../decide/model/fleet-control.js';
import type { FleetEvent } from '../decide/model/fleet-event.js';
import type { Goal } from '../decide/model/goals.js';
import { type PolicyView, readPolicyMessage } from '../decide/model/policy-view.js';
import { shortestDecimal } from '../decide/text/shortest-decimal.js';
import type { WindowEvidence } from '../ingest/evidence/window-evidence.js';
import type { DeviceView, FleetSummary } from '../ingest/register/fleet-register.js';
import { readDeviceState } from '../ingest/report.js';
import { readWindow } from '../ingest/window-counts.js';
import type { PolicyReach } from '../operations/policies.js';
import { readEvent } from '../store/event-messages.js';
import { ask, askForChange } from './ask.js';
import { readGap, readGoalsMessage, readStatus, writeGoal, writeMode } from './control-messages.js';
import { readEvidence } from './evidence-messages.js';

/** A device, and the policy that it should follow. */
export interface ListedDevice extends DeviceView {
  /** 0: its group has no policy. */
  newestPolicyVersion: number;
  /** The version that it should follow: the newest, or the stable one if the newest is a canary without it. 0: the bundle's thresholds. */
  expectedPolicyVersion: number;
  /** The bundle that this policy is for, in hexadecimal; `null`: any bundle. */
  expectedBundleDigest: string | null;
}

export interface Fleet {
  /** In order of group and name. */
  devices: ListedDevice[];
  summary: FleetSummary;
}

/** Author, reason and request ID of a change. */
export interface ChangeOptions {
  author?: string;
  reason?: string;
  /** A change is made only once per request ID. Default: a new one. */
  requestId?: string;
}

export interface SetPolicyOptions extends ChangeOptions {
  /** One per branch, or one for every branch. Default: those of the newest policy, if another field is given. */
  thresholds?: readonly number[];
  /**
   * The bundle that the thresholds are for: its digest, or the first 8 digits or more; `any`: every bundle with this number
   * of branches. Default: of the bundles with this number of branches, the one that most devices run.
   */
  bundle?: string;
  /** Share of samples that devices audit, in [0, 1]. Default: as in the newest policy. */
  auditRate?: number;
  /** Limit of the bytes that audits of one device send in an hour. Default: as in the newest policy. */
  maxAuditBytesPerHour?: number;
  /** The number that the newest policy must have. Default: any. */
  expectedVersion?: number;
}

/** A policy that has been set, and the devices of its group that are online. */
export interface ChangedPolicy extends PolicyReach {
  policy: PolicyView;
}

export interface SetGoalsOptions extends ChangeOptions {
  /** Take effect only if the goals have this revision. Default: any. */
  expectedRevision?: number;
}

/** At most one of `before` and `after`. */
export interface ListEventsOptions {
  group?: string;
  /** Maximum number of events. Default: as many as fit into one reply. */
  limit?: number;
  /** Only events with lower numbers. Default: all. */
  before?: number;
  /** Only events with higher numbers. Default: all. */
  after?: number;
}

export interface ControllerClientOptions {
  /** How long to wait for a reply, in milliseconds. Changes are then repeated twice. Default 5000. */
  timeoutMs?: number;
}

/**
 * Sends requests to the controller over a connection that the caller owns. Every call throws OfframpError:
 * `CONTROLLER_UNAVAILABLE` if none answers, `NATS_UNAVAILABLE` if the connection is lost, and the controller's errors:
 * `CONFIG_INVALID` for an invalid name, `POLICY_INVALID`, `POLICY_CONFLICT`, … Changes throw `OUTCOME_UNKNOWN` if it is not
 * known whether they were made.
 */
export class ControllerClient {
  private readonly timeoutMs: number;

  constructor(
    private readonly bus: NatsConnection,
    options: ControllerClientOptions = {},
  ) {
    this.timeoutMs = options.timeoutMs ?? 5_000;
  }

  /**
   * Every device of the fleet, read in pages.
   * @param group default: all groups
   * @param pageSize devices per request; default: as many as fit into a message
   */
  async listDevices(group = '', pageSize = 0): Promise<Fleet> {
    const devices: ListedDevice[] = [];
    let summary: FleetSummary | null = null;
    let pageToken = '';
    do {
      const request = v1.ListDevicesRequest.encode({ group, pageToken, pageSize }).finish();
      const page = v1.ListDevicesResponse.decode(await this.request('listDevices', request));
      for (const device of page.devices) devices.push(readDevice(device));
      summary ??= readSummary(page);
      pageToken = page.nextPageToken;
    } while (pageToken);
    return { devices, summary };
  }

  /** The summary of {@link listDevices} without the devices. */
  async summarizeDevices(group: string): Promise<FleetSummary> {
    const request = v1.ListDevicesRequest.encode({ group, pageToken: '', pageSize: 1 }).finish();
    return readSummary(v1.ListDevicesResponse.decode(await this.request('listDevices', request)));
  }

  /** `null`: the group has no policy, so its devices follow the thresholds of their bundles. */
  async getPolicy(group: string): Promise<PolicyView | null> {
    const request = v1.GetPolicyRequest.encode({ group }).finish();
    const { policy } = v1.GetPolicyResponse.decode(await this.request('getPolicy', request));
    return policy ? readRecord(policy) : null;
  }

  async setPolicy(group: string, options: SetPolicyOptions): Promise<ChangedPolicy> {
    const { thresholds = [], author = '', reason = '', expectedVersion = 0 } = options;
    const { requestId = randomUUID() } = options;
    const request = v1.SetPolicyRequest.encode({
      group,
      thresholds: [...thresholds],
      bundle: options.bundle ?? '',
      auditRate: options.auditRate ?? null,
      maxAuditBytesPerHour: options.maxAuditBytesPerHour ?? null,
      author,
      reason,
      expectedVersion,
      requestId,
    }).finish();
    const reply = await this.change('setPolicy', request, historyOf(group), requestId);
    return readChanged(v1.SetPolicyResponse.decode(reply));
  }

  /** Oldest first; the newest 64. */
  async policyHistory(group: string): Promise<PolicyView[]> {
    const request = v1.PolicyHistoryRequest.encode({ group }).finish();
    return v1.PolicyHistoryResponse.decode(await this.request('policyHistory', request)).policies.map(
      readRecord,
    );
  }

  /**
   * The evidence by which thresholds are judged.
   * @param device default: the whole group
   */
  async getEvidence(group: string, device = ''): Promise<WindowEvidence> {
    const request = v1.GetEvidenceRequest.encode({ group, device }).finish();
    return readEvidence(v1.GetEvidenceResponse.decode(await this.request('getEvidence', request)));
  }

  async getGoals(group: string): Promise<GroupGoals> {
    const request = v1.GetGoalsRequest.encode({ group }).finish();
    return readGoalsMessage(v1.GroupGoals.decode(await this.request('getGoals', request)));
  }

  /** @param goals most important first; empty removes all goals */
  async setGoals(group: string, goals: readonly Goal[], options: SetGoalsOptions = {}): Promise<GroupGoals> {
    const { author = '', reason = '', expectedRevision = 0, requestId = randomUUID() } = options;
    const message = { group, goals: goals.map(writeGoal), author, reason, expectedRevision, requestId };
    const request = v1.SetGoalsRequest.encode(message).finish();
    const reply = await this.change('setGoals', request, goalsOf(group), requestId);
    return readGoalsMessage(v1.GroupGoals.decode(reply));
  }

  async setMode(
    group: string,
    mode: ControlMode,
    { author = '', reason = '', requestId = randomUUID() }: ChangeOptions = {},
  ): Promise<GroupGoals> {
    const message = { group, mode: writeMode(mode), author, reason, requestId };
    const request = v1.SetModeRequest.encode(message).finish();
    const reply = await this.change('setMode', request, goalsOf(group), requestId);
    return readGoalsMessage(v1.GroupGoals.decode(reply));
  }

  async getStatus(group: string): Promise<GroupStatus> {
    const request = v1.GetStatusRequest.encode({ group }).finish();
    return readStatus(v1.GroupStatus.decode(await this.request('getStatus', request)));
  }

  /** Sets the thresholds of an earlier policy, for the same bundle. In a group with goals this pins them. */
  async rollBack(
    group: string,
    version: number,
    { author = '', reason = '', requestId = randomUUID() }: ChangeOptions = {},
  ): Promise<ChangedPolicy> {
    const request = v1.RollBackRequest.encode({ group, version, author, reason, requestId }).finish();
    const reply = await this.change('rollBack', request, historyOf(group), requestId);
    return readChanged(v1.RollBackResponse.decode(reply));
  }

  /**
   * Newest first; fewer than requested if they do not fit into a message.
   * @param group default: all groups, and events of the fleet
   */
  async listEvents({
    group = '',
    limit = 0,
    before = 0,
    after = 0,
  }: ListEventsOptions = {}): Promise<FleetEvent[]> {
    const request = v1.ListEventsRequest.encode({ group, limit, before, after }).finish();
    return v1.ListEventsResponse.decode(await this.request('listEvents', request)).events.map(readEvent);
  }

  private request(endpoint: ControllerEndpoint, data: Uint8Array): Promise<Uint8Array> {
    return ask(this.bus, endpoint, data, this.timeoutMs);
  }

  /** @param look a command that shows whether the change was made */
  private change(
    endpoint: ControllerEndpoint,
    data: Uint8Array,
    look: string,
    requestId: string,
  ): Promise<Uint8Array> {
    const hint = `\`${look}\` shows whether it is; repeating the command with --request-id ${requestId} makes it only once.`;
    return askForChange(this.bus, endpoint, data, this.timeoutMs, hint);
  }
}

function readDevice(message: DeviceMessage): ListedDevice {
  const state = readDeviceState(message.state ?? v1.DeviceState.decode(new Uint8Array(0)));
  return {
    device: message.device ?? '',
    group: message.group ?? '',
    state: {
      ...state,
      thresholds: state.thresholds.map(shortestDecimal),
      auditRate: shortestDecimal(state.auditRate),
    },
    lastSeenMsAgo: message.lastSeenMsAgo ?? 0,
    online: message.online ?? false,
    total: readWindow(message.total),
    latest: readWindow(message.latest),
    latestWindowMs: message.latestWindowMs ?? 0,
    latencyP50Ms: message.latencyP50Ms ?? 0,
    latencyP99Ms: message.latencyP99Ms ?? 0,
    reportsMissing: message.reportsMissing ?? 0,
    countedFromSequence: message.countedFromSequence ?? 0,
    newestPolicyVersion: message.newestPolicyVersion ?? 0,
    expectedPolicyVersion: message.expectedPolicyVersion ?? 0,
    expectedBundleDigest: message.expectedBundleDigest?.length
      ? Buffer.from(message.expectedBundleDigest).toString('hex')
      : null,
    staleReports: message.staleReports ?? 0,
  };
}

const historyOf = (group: string) => `offramp fleet policy history ${group}`;
const goalsOf = (group: string) => `offramp fleet goal get ${group}`;

function readChanged(response: ReturnType<typeof v1.RollBackResponse.decode>): ChangedPolicy {
  const { policy, onlineDevices, bundles, policyGaps } = response;
  return { policy: readRecord(policy), onlineDevices, bundles, gaps: policyGaps.map(readGap) };
}

function readRecord(record: PolicyRecordMessage | null | undefined): PolicyView {
  return {
    ...readPolicyMessage(record?.policy ?? v1.Policy.decode(new Uint8Array(0))),
    setAt: new Date(record?.setAtMs ?? 0),
    requestId: record?.policy?.requestId ?? '',
  };
}

function readSummary({ summary }: ReturnType<typeof v1.ListDevicesResponse.decode>): FleetSummary {
  return {
    devices: summary?.devices ?? 0,
    online: summary?.online ?? 0,
    latencyP50Ms: summary?.latencyP50Ms ?? 0,
    latencyP99Ms: summary?.latencyP99Ms ?? 0,
  };
}
