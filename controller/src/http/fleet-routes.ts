import { z } from 'zod';
import { evidenceToJson } from '../ingest/evidence/evidence-json.js';
import { addBundleInput } from '../operations/bundles.js';
import { setGoalsInput, setModeInput } from '../operations/goals.js';
import { defaultPageSize, maxBundleBytes, maxPageSize } from '../operations/limits.js';
import { rollBackInput, setPolicyInput } from '../operations/policies.js';
import type { FleetReader } from './fleet-reader.js';
import { viewDevice, viewEvent, viewGoals, viewPolicies } from './fleet-view.js';
import { type Route, route } from './route.js';
import {
  addedBundleSchema,
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
  workersSchema,
} from './schemas/index.js';

const ofGroup = z.object({ group: nameSchema });
const ofDevice = z.object({ group: nameSchema, device: nameSchema });
const limit = z.coerce
  .number()
  .int()
  .min(1)
  .max(maxPageSize)
  .default(defaultPageSize)
  .describe('Maximum number of entries');
const listedGroups = z.strictObject({
  after: z.string().max(64).default('').describe('`next` of the previous page'),
  limit,
});
const listedDevices = z.strictObject({
  group: nameSchema.optional().describe('Only for this group'),
  after: z.string().max(200).default('').describe('`next` of the previous page'),
  limit,
});
const listedEvents = z.strictObject({
  group: nameSchema
    .optional()
    .describe('Only for this group; `fleet`: also events that concern no single group'),
  limit,
  before: z.coerce.number().int().min(0).default(0).describe('Only events with lower numbers; 0: all'),
});
const unknownGroup = {
  404: 'The group has neither devices nor goals nor a policy, and is not pinned or frozen',
};
const unknownDevice = { 404: 'No device of this name has reported' };
const conflict = { 409: 'Another change was made first' };

/** Translates each request of the API into an operation, and its result into JSON. */
export function fleetRoutes(fleet: FleetReader): Route[] {
  const { groups, devices, policies, goals, events, bundles, workers, leader } = fleet.operations;
  const historyOf = async (group: string) => ({ policies: viewPolicies(await policies.history(group)) });
  return [
    route('GET', '/v1/groups', 'listGroups', 'Groups with activity, decisions and goals, in pages', {
      query: listedGroups,
      response: groupsSchema,
      handle: async ({ query: { after, limit } }) => {
        const names = groups.names().filter((group) => group > after);
        const page = await Promise.all(names.slice(0, limit).map((group) => fleet.group(group)));
        return { groups: page, next: names.length > limit ? (names[limit - 1] ?? null) : null };
      },
    }),
    route('GET', '/v1/groups/{group}', 'getGroup', 'A group with activity, decisions and goals', {
      params: ofGroup,
      response: groupSchema,
      errors: unknownGroup,
      handle: async ({ params: { group } }) => {
        await groups.checkExists(group);
        return fleet.group(group);
      },
    }),
    route('GET', '/v1/devices', 'listDevices', 'Devices, in pages', {
      query: listedDevices,
      response: devicesSchema,
      handle: async ({ query }) => {
        const page = devices.list(query.group ?? '', query.after, query.limit);
        const names = [...new Set(page.devices.map(({ group }) => group))];
        const statuses = new Map(
          await Promise.all(names.map(async (group) => [group, await groups.status(group)] as const)),
        );
        const views = page.devices.map((view) => {
          const status = statuses.get(view.group) ?? null;
          return viewDevice(view, status, status?.policyVersion ?? 0);
        });
        return { devices: views, next: page.next };
      },
    }),
    route('GET', '/v1/groups/{group}/devices/{device}', 'getDevice', 'A device, with its evidence', {
      params: ofDevice,
      response: deviceDetailSchema,
      errors: unknownDevice,
      handle: async ({ params: { group, device } }) => {
        const view = devices.get(group, device);
        const status = await groups.status(group);
        return {
          device: viewDevice(view, status, status.policyVersion),
          evidence: evidenceToJson(devices.evidence(group, device)),
        };
      },
    }),
    route(
      'GET',
      '/v1/groups/{group}/evidence',
      'getEvidence',
      'The evidence by which thresholds are judged',
      {
        params: ofGroup,
        response: evidenceSchema,
        errors: unknownGroup,
        handle: async ({ params: { group } }) => {
          await groups.checkExists(group);
          return evidenceToJson(devices.evidence(group));
        },
      },
    ),
    route(
      'GET',
      '/v1/groups/{group}/devices/{device}/evidence',
      'getDeviceEvidence',
      'Recent evidence of a single device',
      {
        params: ofDevice,
        response: evidenceSchema,
        errors: unknownDevice,
        handle: ({ params: { group, device } }) => {
          devices.get(group, device);
          return evidenceToJson(devices.evidence(group, device));
        },
      },
    ),
    route('GET', '/v1/groups/{group}/goals', 'getGoals', "The group's goals", {
      params: ofGroup,
      response: goalsSchema,
      errors: unknownGroup,
      handle: async ({ params: { group } }) => {
        await groups.checkExists(group);
        return viewGoals(await goals.get(group));
      },
    }),
    route('PUT', '/v1/groups/{group}/goals', 'putGoals', "Sets the group's goals", {
      params: ofGroup,
      body: setGoalsInput,
      response: goalsSchema,
      errors: conflict,
      handle: async ({ params: { group }, body }) => viewGoals(await goals.set(group, body)),
    }),
    route('PUT', '/v1/groups/{group}/mode', 'putMode', "Sets the group's mode", {
      params: ofGroup,
      body: setModeInput,
      response: goalsSchema,
      errors: conflict,
      handle: async ({ params: { group }, body }) => viewGoals(await goals.setMode(group, body)),
    }),
    route('GET', '/v1/groups/{group}/policies', 'listPolicies', "The group's policies, with their changes", {
      params: ofGroup,
      response: policiesSchema,
      errors: unknownGroup,
      handle: async ({ params: { group } }) => {
        await groups.checkExists(group);
        return historyOf(group);
      },
    }),
    route('POST', '/v1/groups/{group}/policies', 'postPolicy', 'Sets thresholds by hand, which pins them', {
      params: ofGroup,
      body: setPolicyInput,
      response: policiesSchema,
      errors: conflict,
      handle: async ({ params: { group }, body }) => {
        await policies.set(group, body);
        return historyOf(group);
      },
    }),
    route(
      'POST',
      '/v1/groups/{group}/rollback',
      'postRollback',
      'Sets the thresholds of an earlier policy, and pins them',
      {
        params: ofGroup,
        body: rollBackInput,
        response: policiesSchema,
        errors: { ...unknownGroup, ...conflict },
        handle: async ({ params: { group }, body }) => {
          await groups.checkExists(group);
          await policies.rollBack(group, body);
          return historyOf(group);
        },
      },
    ),
    route('GET', '/v1/events', 'listEvents', 'Decisions and findings', {
      query: listedEvents,
      response: eventsSchema,
      errors: unknownGroup,
      handle: async ({ query }) => {
        const found = await events.list(query.group ?? '', query.limit, query.before);
        return { events: found.map(viewEvent) };
      },
    }),
    route('POST', '/v1/bundles', 'postBundle', "Gives a bundle's calibration table to all controllers", {
      body: addBundleInput,
      maxBodyBytes: maxBundleBytes,
      response: addedBundleSchema,
      handle: ({ body }) => bundles.add(body),
    }),
    route('GET', '/v1/workers', 'listWorkers', 'Workers that have reported recently', {
      response: workersSchema,
      handle: () => ({ workers: workers() }),
    }),
    route('GET', '/v1/leader', 'getLeader', 'The leading instance of the controller', {
      response: leaderSchema,
      handle: () => {
        const found = leader();
        return { leader: found && { instance: found.instance, since: found.since.toISOString() } };
      },
    }),
  ];
}
