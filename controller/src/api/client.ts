import {
  type ControllerEndpoint,
  controllerEndpoints,
  controllerSubject,
  type DeviceMessage,
  messageOf,
  OfframpError,
  type PolicyRecordMessage,
  systemCodeOf,
  v1,
} from '@offramp/shared';
import type { Msg, NatsConnection } from 'nats';
import { readEvent } from '../control/event-messages.js';
import type { ControlMode, FleetEvent, GroupGoals, GroupStatus } from '../control/fleet-control.js';
import type { WindowEvidence } from '../evidence/window-evidence.js';
import { type PolicyView, readPolicyMessage } from '../policy/policy-view.js';
import type { DeviceView, FleetSummary } from '../register/fleet-register.js';
import { readDeviceState } from '../register/report.js';
import { readWindow } from '../register/window-counts.js';
import { shortestDecimal } from '../shortest-decimal.js';
import type { Goal } from '../tuner/goals.js';
import { readGoalsMessage, readStatus, writeGoal, writeMode } from './control-messages.js';
import { readEvidence } from './evidence-messages.js';
import { readServiceError } from './service-error.js';

/** A device, and what it should follow. */
export interface ListedDevice extends DeviceView {
  /** 0: its group has no policy. */
  newestPolicyVersion: number;
  /** What it should follow: the newest, or what stays where that is a canary without it. 0: the bundle's thresholds. */
  expectedPolicyVersion: number;
}

export interface Fleet {
  /** In order of group and name. */
  devices: ListedDevice[];
  summary: FleetSummary;
}

export interface SetPolicyOptions {
  /** One per branch, or one for every branch. Default: those of the newest policy, with something else that is new. */
  thresholds?: readonly number[];
  /** Share of samples that devices audit, in [0, 1]. Default: as in the newest policy. */
  auditRate?: number;
  /** Bytes that audits of one device may send in an hour. Default: as in the newest policy. */
  maxAuditBytesPerHour?: number;
  author?: string;
  reason?: string;
  /** The number that the newest policy must have. Default: whichever. */
  expectedVersion?: number;
}

export interface SetGoalsOptions {
  author?: string;
  reason?: string;
  /** Take effect only if the goals have this revision. Default: whichever. */
  expectedRevision?: number;
}

/** At most one of `before` and `after`. */
export interface ListEventsOptions {
  group?: string;
  /** At most so many. Default: as many as one reply may hold. */
  limit?: number;
  /** Only events with lower numbers. Default: all. */
  before?: number;
  /** Only events with higher numbers. Default: all. */
  after?: number;
}

export interface ControllerClientOptions {
  /** How long to wait for each reply, in milliseconds. Default 5000. */
  timeoutMs?: number;
}

/**
 * Asks the controller, over a connection that stays the caller's. Every call throws OfframpError:
 * `CONTROLLER_UNAVAILABLE` where none answers, `NATS_UNAVAILABLE` where the connection is lost, and what
 * the controller says: `CONFIG_INVALID` for a name that is none, `POLICY_INVALID`, `POLICY_CONFLICT`, …
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
   * Every device of the fleet, page by page.
   * @param group default: all groups
   * @param pageSize devices to ask for at once; default: as many as a message may hold
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

  /** What {@link listDevices} says of all together, without each of them. */
  async summarizeDevices(group: string): Promise<FleetSummary> {
    const request = v1.ListDevicesRequest.encode({ group, pageToken: '', pageSize: 1 }).finish();
    return readSummary(v1.ListDevicesResponse.decode(await this.request('listDevices', request)));
  }

  /** `null`: the group has no policy, its devices follow the thresholds of their bundles. */
  async getPolicy(group: string): Promise<PolicyView | null> {
    const request = v1.GetPolicyRequest.encode({ group }).finish();
    const { policy } = v1.GetPolicyResponse.decode(await this.request('getPolicy', request));
    return policy ? readRecord(policy) : null;
  }

  async setPolicy(
    group: string,
    options: SetPolicyOptions,
  ): Promise<{ policy: PolicyView; onlineDevices: number }> {
    const { thresholds = [], author = '', reason = '', expectedVersion = 0 } = options;
    const request = v1.SetPolicyRequest.encode({
      group,
      thresholds: [...thresholds],
      auditRate: options.auditRate ?? null,
      maxAuditBytesPerHour: options.maxAuditBytesPerHour ?? null,
      author,
      reason,
      expectedVersion,
    }).finish();
    const response = v1.SetPolicyResponse.decode(await this.request('setPolicy', request));
    return { policy: readRecord(response.policy), onlineDevices: response.onlineDevices };
  }

  /** Oldest first; the newest 64. */
  async policyHistory(group: string): Promise<PolicyView[]> {
    const request = v1.PolicyHistoryRequest.encode({ group }).finish();
    return v1.PolicyHistoryResponse.decode(await this.request('policyHistory', request)).policies.map(
      readRecord,
    );
  }

  /**
   * What thresholds are judged by.
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

  /** @param goals the most important one first; none: the group has no goal any more */
  async setGoals(
    group: string,
    goals: readonly Goal[],
    { author = '', reason = '', expectedRevision = 0 }: SetGoalsOptions = {},
  ): Promise<GroupGoals> {
    const message = { group, goals: goals.map(writeGoal), author, reason, expectedRevision };
    const request = v1.SetGoalsRequest.encode(message).finish();
    return readGoalsMessage(v1.GroupGoals.decode(await this.request('setGoals', request)));
  }

  async setMode(
    group: string,
    mode: ControlMode,
    { author = '', reason = '' }: Omit<SetGoalsOptions, 'expectedRevision'> = {},
  ): Promise<GroupGoals> {
    const request = v1.SetModeRequest.encode({ group, mode: writeMode(mode), author, reason }).finish();
    return readGoalsMessage(v1.GroupGoals.decode(await this.request('setMode', request)));
  }

  async getStatus(group: string): Promise<GroupStatus> {
    const request = v1.GetStatusRequest.encode({ group }).finish();
    return readStatus(v1.GroupStatus.decode(await this.request('getStatus', request)));
  }

  /** Gives a group the thresholds of an earlier policy; where it has goals, the controller then leaves it alone. */
  async rollBack(
    group: string,
    version: number,
    { author = '', reason = '' }: Omit<SetGoalsOptions, 'expectedRevision'> = {},
  ): Promise<void> {
    await this.request('rollBack', v1.RollBackRequest.encode({ group, version, author, reason }).finish());
  }

  /**
   * Newest first; fewer than asked for where a message does not hold more.
   * @param group default: of all groups, and of the fleet
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

  private async request(endpoint: ControllerEndpoint, data: Uint8Array): Promise<Uint8Array> {
    const subject = `${controllerSubject}.${controllerEndpoints[endpoint]}`;
    let reply: Msg;
    try {
      reply = await this.bus.request(subject, data, { timeout: this.timeoutMs });
    } catch (cause) {
      throw this.failure(cause);
    }
    const error = readServiceError(reply);
    if (error) throw error;
    return reply.data;
  }

  private failure(cause: unknown): OfframpError {
    const server = this.bus.getServer();
    const code = systemCodeOf(cause);
    if (code === '503') {
      return new OfframpError('CONTROLLER_UNAVAILABLE', `no controller is connected to ${server}`, {
        hint: 'Start one with `offramp controller`, or name its NATS server with --nats.',
        cause,
      });
    }
    if (code === 'TIMEOUT') {
      return new OfframpError(
        'CONTROLLER_UNAVAILABLE',
        `the controller at ${server} did not answer within ${this.timeoutMs} ms`,
        { cause },
      );
    }
    return new OfframpError('NATS_UNAVAILABLE', `lost the NATS server at ${server}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function readDevice(message: DeviceMessage): ListedDevice {
  const state = readDeviceState(message.state);
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
    staleReports: message.staleReports ?? 0,
  };
}

function readRecord(record: PolicyRecordMessage | null | undefined): PolicyView {
  return { ...readPolicyMessage(record?.policy ?? {}), setAt: new Date(record?.setAtMs ?? 0) };
}

function readSummary({ summary }: ReturnType<typeof v1.ListDevicesResponse.decode>): FleetSummary {
  return {
    devices: summary?.devices ?? 0,
    online: summary?.online ?? 0,
    latencyP50Ms: summary?.latencyP50Ms ?? 0,
    latencyP99Ms: summary?.latencyP99Ms ?? 0,
  };
}
