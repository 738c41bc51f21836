export { filesBeside } from './files-beside.js';
export { makeFifo } from './make-fifo.js';
export { ManualClock } from './manual-clock.js';
export { propertyNames, unreadableNames } from './outside-names.js';
export { temporaryFolder } from './temporary-folder.js';
