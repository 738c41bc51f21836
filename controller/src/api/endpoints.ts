import {
  type Clock,
  type ControllerEndpoint,
  checkAuditRate,
  checkName,
  controllerEndpoints,
  controllerService,
  controllerSubject,
  type DeviceMessage,
  type ListDevicesRequest,
  type ListDevicesResponse,
  type Logger,
  messageOf,
  OfframpError,
  offrampVersion,
  type PolicyRecordMessage,
  type SetPolicyRequest,
  type SetPolicyResponse,
  v1,
} from '@offramp/shared';
import type { NatsConnection, Service, ServiceMsg } from 'nats';
import type { NatsControl } from '../control/nats-control.js';
import type { EvidenceRegister } from '../evidence/evidence-register.js';
import { expectedVersion } from '../policy/expected-version.js';
import type { PolicyStore } from '../policy/policy-store.js';
import { type PolicyView, writePolicyMessage } from '../policy/policy-view.js';
import { policyThresholds } from '../policy/thresholds.js';
import type { DeviceView, FleetRegister } from '../register/fleet-register.js';
import { controlReplies } from './control-replies.js';
import { writeEvidence } from './evidence-messages.js';
import { respondWithError } from './service-error.js';

export interface EndpointsOptions {
  bus: NatsConnection;
  register: FleetRegister;
  evidence: EvidenceRegister;
  policies: PolicyStore;
  control: NatsControl;
  clock: Clock;
  logger: Logger;
  /** Shown by `nats micro stats`. */
  statistics(): Record<string, number>;
}

export const maxPageSize = 500;
const maxRequestsInFlight = 256;
const maxAuthorLength = 100;
const maxReasonLength = 500;
/** Room for a reply's headers and the fields around its devices. */
const replyOverheadBytes = 4_096;

/** The controller's requests and replies, as a NATS service that `nats micro` can look at, too. */
export class Endpoints {
  private service: Service | null = null;
  private readonly inFlight = new Set<Promise<void>>();

  constructor(private readonly options: EndpointsOptions) {}

  /** Resolves when requests are answered. */
  async start(): Promise<void> {
    const { bus, policies, evidence, statistics } = this.options;
    const service = await bus.services.add({
      name: controllerService,
      version: offrampVersion,
      description: 'The register of an Offramp fleet, and its policies',
      statsHandler: async () => statistics(),
    });
    const group = service.addGroup(controllerSubject);
    const add = (subject: string, reply: (data: Uint8Array) => Promise<Uint8Array>) =>
      group.addEndpoint(subject.replaceAll('.', '-'), {
        subject,
        handler: (error, message) => {
          if (!error) this.serve(message, reply);
        },
      });
    add(controllerEndpoints.listDevices, async (data) =>
      v1.ListDevicesResponse.encode(
        await this.listDevices(request(() => v1.ListDevicesRequest.decode(data))),
      ).finish(),
    );
    add(controllerEndpoints.getPolicy, async (data) => {
      const { group } = request(() => v1.GetPolicyRequest.decode(data));
      const policy = await policies.get(group);
      return v1.GetPolicyResponse.encode(policy ? { policy: recordOf(policy) } : {}).finish();
    });
    add(controllerEndpoints.setPolicy, async (data) =>
      v1.SetPolicyResponse.encode(
        await this.setPolicy(request(() => v1.SetPolicyRequest.decode(data))),
      ).finish(),
    );
    add(controllerEndpoints.policyHistory, async (data) => {
      const { group } = request(() => v1.PolicyHistoryRequest.decode(data));
      const history = await policies.history(group);
      return v1.PolicyHistoryResponse.encode({ policies: history.map(recordOf) }).finish();
    });
    add(controllerEndpoints.getEvidence, async (data) => {
      const { group, device } = request(() => v1.GetEvidenceRequest.decode(data));
      checkName('group', group);
      if (device) checkName('device', device);
      return writeEvidence(evidence.counts(group, device), this.maxReplyBytes);
    });
    const replies = controlReplies(this.options.control, request, () => this.maxReplyBytes);
    for (const [endpoint, reply] of Object.entries(replies)) {
      add(controllerEndpoints[endpoint as ControllerEndpoint], reply);
    }
    this.service = service;
    await bus.flush(); // So that whoever asks from now on is heard.
  }

  /** Takes no more requests, and answers those it has. */
  async stop(): Promise<void> {
    await this.service?.stop();
    await Promise.all(this.inFlight);
  }

  private serve(message: ServiceMsg, reply: (data: Uint8Array) => Promise<Uint8Array>): void {
    if (this.inFlight.size >= maxRequestsInFlight) {
      const error = new OfframpError(
        'OVERLOADED',
        `the controller has ${maxRequestsInFlight} requests to do`,
      );
      respondWithError(message, error);
      return;
    }
    const served = reply(message.data)
      .then((data) => {
        message.respond(data);
      })
      .catch((error: unknown) => {
        this.options.logger.debug({ subject: message.subject, error: messageOf(error) }, 'request refused');
        respondWithError(message, error);
      })
      .catch((error: unknown) => {
        this.options.logger.warn({ subject: message.subject, error: messageOf(error) }, 'cannot reply');
      })
      .finally(() => this.inFlight.delete(served));
    this.inFlight.add(served);
  }

  private async listDevices(asked: ListDevicesRequest): Promise<ListDevicesResponse> {
    const { register, clock } = this.options;
    const group = asked.group ?? '';
    const pageToken = asked.pageToken ?? '';
    if (group) checkName('group', group);
    const limit = Math.min(asked.pageSize || maxPageSize, maxPageSize);
    const nowMs = clock.now();
    const views: { key: string; view: DeviceView }[] = [];
    let more = false;
    for (const listed of register.list(group, nowMs, pageToken)) {
      if (views.length === limit) {
        more = true;
        break;
      }
      views.push(listed);
    }
    const summary = pageToken ? null : register.summary(group, nowMs);
    const newest = await this.newestPolicies(new Set(views.map(({ view }) => view.group)));
    const maxBytes = this.maxReplyBytes;
    const devices: DeviceMessage[] = [];
    let bytes = 0;
    let nextPageToken = '';
    for (const { key, view } of views) {
      const device = deviceMessage(view, newest.get(view.group) ?? null);
      bytes += v1.Device.encode(device).finish().length + 8;
      if (bytes > maxBytes && devices.length > 0) {
        more = true;
        break;
      }
      devices.push(device);
      nextPageToken = key;
    }
    return { devices, nextPageToken: more ? nextPageToken : '', summary };
  }

  private get maxReplyBytes(): number {
    return (this.options.bus.info?.max_payload ?? 2 ** 20) - replyOverheadBytes;
  }

  private async newestPolicies(groups: ReadonlySet<string>): Promise<Map<string, PolicyView | null>> {
    const policies = new Map<string, PolicyView | null>();
    await Promise.all(
      [...groups].map(async (group) => {
        policies.set(group, await this.options.policies.get(group));
      }),
    );
    return policies;
  }

  private async setPolicy(asked: SetPolicyRequest): Promise<SetPolicyResponse> {
    const { register, policies, clock, logger } = this.options;
    const group = checkName('group', asked.group ?? '');
    const author = checkText('author', asked.author ?? '', maxAuthorLength);
    const reason = checkText('reason', asked.reason ?? '', maxReasonLength);
    const branches = register.branches(group, clock.now());
    const auditRate = asked.auditRate ?? null;
    const maxAuditBytesPerHour = asked.maxAuditBytesPerHour ?? null;
    if (auditRate !== null) checkAuditRate(auditRate);
    const keepsThresholds =
      !asked.thresholds?.length && (auditRate !== null || maxAuditBytesPerHour !== null);
    const thresholds = keepsThresholds ? null : policyThresholds(group, asked.thresholds ?? [], branches);
    const expectedVersion = asked.expectedVersion ?? 0;
    const policy = await policies.set({
      ...{ group, thresholds, auditRate, maxAuditBytesPerHour, author, reason, expectedVersion },
    });
    const { setAt, ...set } = policy;
    logger.info(set, 'policy set');
    const { online } = register.summary(group, clock.now());
    return { policy: recordOf(policy), onlineDevices: online };
  }
}

function request<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new OfframpError('USAGE', `the request is not the message it should be: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function checkText(what: string, text: string, maxLength: number): string {
  if (text.length > maxLength) {
    throw new OfframpError(
      'POLICY_INVALID',
      `${what}: expected at most ${maxLength} characters, found ${text.length}`,
    );
  }
  return text;
}

function recordOf({ setAt, ...policy }: PolicyView): PolicyRecordMessage {
  return { policy: writePolicyMessage(policy), setAtMs: setAt.getTime() };
}

function deviceMessage(view: DeviceView, newest: PolicyView | null): DeviceMessage {
  const bundleDigest = Buffer.from(view.state.bundleDigest, 'hex');
  return {
    ...view,
    state: { ...view.state, bundleDigest },
    newestPolicyVersion: newest?.version ?? 0,
    expectedPolicyVersion: expectedVersion(newest, view.device),
  };
}
