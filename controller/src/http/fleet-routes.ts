import { OfframpError } from '@offramp/shared';
import { z } from 'zod';
import { evidenceToJson } from '../evidence/evidence-json.js';
import type { EvidenceRegister } from '../evidence/evidence-register.js';
import type { PolicyStore } from '../policy/policy-store.js';
import { policyThresholds } from '../policy/thresholds.js';
import type { FleetReader } from './fleet-reader.js';
import { viewDevice, viewEvent, viewGoals, viewPolicies } from './fleet-view.js';
import { type Route, route } from './route.js';
import {
  type ApiGroup,
  deviceDetailSchema,
  devicesSchema,
  eventsSchema,
  evidenceSchema,
  goalsSchema,
  groupSchema,
  groupsSchema,
  leaderSchema,
  nameSchema,
  policiesSchema,
  postPolicySchema,
  postRollbackSchema,
  putGoalsSchema,
  putModeSchema,
  workersSchema,
} from './schemas/index.js';

export interface FleetRoutesOptions {
  fleet: FleetReader;
  evidence: Pick<EvidenceRegister, 'evidence'>;
  policies: Pick<PolicyStore, 'set' | 'history'>;
}

const ofGroup = z.object({ group: nameSchema });
const ofDevice = z.object({ group: nameSchema, device: nameSchema });
const limit = z.coerce.number().int().min(1).max(500).default(100).describe('At most so many');
const listedGroups = z.strictObject({
  after: z.string().max(64).default('').describe('`next` of the page before'),
  limit,
});
const listedDevices = z.strictObject({
  group: nameSchema.optional().describe('Only of this group'),
  after: z.string().max(200).default('').describe('`next` of the page before'),
  limit,
});
const listedEvents = z.strictObject({
  group: nameSchema.optional().describe('Only of this group'),
  limit,
  before: z.coerce.number().int().min(0).default(0).describe('Only events with lower numbers; 0: all'),
});
const unknownGroup = { 404: 'It has neither devices nor goals nor a policy, and is not held' };
const conflict = { 409: 'Somebody else was faster' };

/** All that can be asked of the fleet, and done to it. */
export function fleetRoutes({ fleet, evidence, policies }: FleetRoutesOptions): Route[] {
  const { control, register } = fleet;
  return [
    route('GET', '/v1/groups', 'listGroups', 'Groups, with what they do and why, a page at a time', {
      query: listedGroups,
      response: groupsSchema,
      handle: async ({ query: { after, limit } }) => {
        const names = (await control.groups()).filter((group) => group > after);
        const groups = await Promise.all(names.slice(0, limit).map((group) => fleet.group(group)));
        return { groups, next: names.length > limit ? (names[limit - 1] ?? null) : null };
      },
    }),
    route('GET', '/v1/groups/{group}', 'getGroup', 'A group, with what it does and why', {
      params: ofGroup,
      response: groupSchema,
      errors: unknownGroup,
      handle: async ({ params }) => {
        const found = await fleet.group(params.group);
        checkExists(found);
        return found;
      },
    }),
    route('GET', '/v1/devices', 'listDevices', 'Devices, a page at a time', {
      query: listedDevices,
      response: devicesSchema,
      handle: async ({ query }) => {
        const { views, next } = pageOf(
          register.list(query.group ?? '', fleet.nowMs, query.after),
          query.limit,
        );
        const groups = [...new Set(views.map(({ view }) => view.group))];
        const statuses = new Map(
          await Promise.all(groups.map(async (group) => [group, await control.status(group)] as const)),
        );
        const devices = views.map(({ view }) => {
          const status = statuses.get(view.group) ?? null;
          return viewDevice(view, status, status?.policyVersion ?? 0);
        });
        return { devices, next };
      },
    }),
    route('GET', '/v1/groups/{group}/devices/{device}', 'getDevice', 'A device, with its evidence', {
      params: ofDevice,
      response: deviceDetailSchema,
      errors: { 404: 'No device of that name has reported' },
      handle: async ({ params: { group, device } }) => {
        const view = register.device(group, device, fleet.nowMs);
        if (!view) throw new OfframpError('NOT_FOUND', `no device ${device} of group ${group} has reported`);
        const status = await control.status(group);
        return {
          device: viewDevice(view, status, status.policyVersion),
          evidence: evidenceToJson(evidence.evidence(group, device)),
        };
      },
    }),
    route('GET', '/v1/groups/{group}/evidence', 'getEvidence', 'What thresholds are judged by', {
      params: ofGroup,
      response: evidenceSchema,
      handle: ({ params }) => evidenceToJson(evidence.evidence(params.group)),
    }),
    route(
      'GET',
      '/v1/groups/{group}/devices/{device}/evidence',
      'getDeviceEvidence',
      'What a single device did lately',
      {
        params: ofDevice,
        response: evidenceSchema,
        handle: ({ params }) => evidenceToJson(evidence.evidence(params.group, params.device)),
      },
    ),
    route('GET', '/v1/groups/{group}/goals', 'getGoals', 'What the group is to achieve', {
      params: ofGroup,
      response: goalsSchema,
      errors: unknownGroup,
      handle: async ({ params: { group } }) => {
        checkExists(await fleet.group(group));
        return viewGoals(await control.goals(group));
      },
    }),
    route('PUT', '/v1/groups/{group}/goals', 'putGoals', 'Say what the group is to achieve', {
      params: ofGroup,
      body: putGoalsSchema,
      response: goalsSchema,
      errors: conflict,
      handle: async ({ params, body: { goals, ...by } }) =>
        viewGoals(await control.setGoals(params.group, goals, by)),
    }),
    route('PUT', '/v1/groups/{group}/mode', 'putMode', "Say who sets the group's thresholds", {
      params: ofGroup,
      body: putModeSchema,
      response: goalsSchema,
      errors: conflict,
      handle: async ({ params, body: { mode, ...by } }) =>
        viewGoals(await control.setMode(params.group, mode, by)),
    }),
    route('GET', '/v1/groups/{group}/policies', 'listPolicies', 'Its policies, and what each changed', {
      params: ofGroup,
      response: policiesSchema,
      errors: unknownGroup,
      handle: async ({ params: { group } }) => {
        checkExists(await fleet.group(group));
        return { policies: viewPolicies(await policies.history(group)) };
      },
    }),
    route('POST', '/v1/groups/{group}/policies', 'postPolicy', 'Set thresholds by hand, which pins them', {
      params: ofGroup,
      body: postPolicySchema,
      response: policiesSchema,
      errors: conflict,
      handle: async ({ params: { group }, body }) => {
        const { thresholds, auditRate, maxAuditBytesPerHour, ...by } = body;
        if ([thresholds, auditRate, maxAuditBytesPerHour].every((value) => value === undefined)) {
          throw new OfframpError(
            'REQUEST_INVALID',
            'body: expected thresholds, auditRate or maxAuditBytesPerHour',
          );
        }
        await policies.set({
          ...{ group, auditRate: auditRate ?? null, maxAuditBytesPerHour: maxAuditBytesPerHour ?? null },
          thresholds: thresholds
            ? policyThresholds(group, thresholds, register.branches(group, fleet.nowMs))
            : null,
          ...by,
        });
        return { policies: viewPolicies(await policies.history(group)) };
      },
    }),
    route(
      'POST',
      '/v1/groups/{group}/rollback',
      'postRollback',
      'Give it the thresholds of an earlier policy, and pin them',
      {
        params: ofGroup,
        body: postRollbackSchema,
        response: policiesSchema,
        errors: conflict,
        handle: async ({ params: { group }, body: { version, ...by } }) => {
          await control.rollBack(group, version, by);
          return { policies: viewPolicies(await policies.history(group)) };
        },
      },
    ),
    route('GET', '/v1/events', 'listEvents', 'What was decided, and what was found', {
      query: listedEvents,
      response: eventsSchema,
      handle: async ({ query }) => {
        const events = await control.events(query.group ?? '', query.limit, query.before);
        return { events: events.map(viewEvent) };
      },
    }),
    route('GET', '/v1/workers', 'listWorkers', 'The workers that have reported lately', {
      response: workersSchema,
      handle: () => ({ workers: control.workers() }),
    }),
    route('GET', '/v1/leader', 'getLeader', 'Which instance of the controller decides', {
      response: leaderSchema,
      handle: () => {
        const leader = control.leader();
        return { leader: leader && { instance: leader.instance, since: leader.since.toISOString() } };
      },
    }),
  ];
}

/** @throws OfframpError `NOT_FOUND` for a group that nothing is known of: its name is probably mistyped */
function checkExists({ group, devices, goals, status }: ApiGroup): void {
  const wanted = goals !== null && (goals.goals.length > 0 || goals.mode !== 'auto');
  if (devices > 0 || wanted || (status?.policyVersion ?? 0) > 0) return;
  throw new OfframpError('NOT_FOUND', `group ${group} has neither devices nor goals nor a policy`);
}

function pageOf<T extends { key: string }>(
  listed: Iterable<T>,
  most: number,
): { views: T[]; next: string | null } {
  const views: T[] = [];
  for (const entry of listed) {
    if (views.length === most) return { views, next: views.at(-1)?.key ?? null };
    views.push(entry);
  }
  return { views, next: null };
}
