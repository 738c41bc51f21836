export { commandReference } from './command-reference.js';
export { errorReference } from './error-reference.js';
export { type RenderFleetOptions, renderFleet } from './fleet/render-fleet.js';
export { createProgram, main } from './main.js';
export { reportError } from './report-error.js';
