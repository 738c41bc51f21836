export * from './table-fleet.js';
