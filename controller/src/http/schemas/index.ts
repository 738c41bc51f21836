/** The schemas of the API's requests and answers. */
export { addedBundleSchema } from './bundles.js';
export { type ApiWorker, errorSchema, healthSchema, leaderSchema, workersSchema } from './controller.js';
export { type ApiDeviceDetail, deviceDetailSchema } from './device-detail.js';
export { type ApiDevice, type DeviceStanding, devicesSchema } from './devices.js';
export { type ApiEvent, eventsSchema } from './events.js';
export { evidenceSchema } from './evidence.js';
export { nameSchema } from './fields.js';
export { type ApiGoal, type ApiGoals, type ControlModeName, goalsSchema } from './goals.js';
export { type ApiActivity, type ApiGroup, type ApiStatus, groupSchema, groupsSchema } from './groups.js';
export { type ApiPolicy, policiesSchema } from './policies.js';
export { apiSchemas } from './schema-registry.js';
export { type StreamMessages, streamSchemas } from './stream.js';
