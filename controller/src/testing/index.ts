export { TableFleet } from './table-fleet.js';
