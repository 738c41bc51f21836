export * from './audit-limits.js';
export { binOf, binStarts, confidenceBins } from './confidence-bins.js';
export * from './evidence-counts.js';
export * from './exit-evidence.js';
