export { type Enrolled, FleetFolder } from './fleet-folder.js';
export { createSigningRequest } from './signing-request.js';
