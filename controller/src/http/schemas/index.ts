/** The shapes that the API takes and gives. */
export * from './controller.js';
export * from './device-detail.js';
export * from './devices.js';
export * from './events.js';
export * from './evidence.js';
export * from './fields.js';
export * from './goals.js';
export * from './groups.js';
export * from './policies.js';
export * from './schema-registry.js';
export * from './stream.js';
