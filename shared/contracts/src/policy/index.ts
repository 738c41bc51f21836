// What threads load: without the rest of the package they start faster, and with less memory.
export { leaves } from './thresholds.js';
