export * from './api/client.js';
export * from './config.js';
export * from './controller.js';
export type { PolicyView } from './policy/policy-store.js';
export type { DeviceView, FleetSummary } from './register/fleet-register.js';
export type { DeviceState } from './register/report.js';
export * from './register/window-counts.js';
export * from './shortest-decimal.js';
