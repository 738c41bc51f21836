// What threads and child processes load: without the rest of the package they start faster, and with less memory.
export { isOfframpError, messageOf, OfframpError } from './offramp-error.js';
