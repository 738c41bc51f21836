// What a child process loads: it starts in half the time, and with half the memory, without the rest of the package.
export { serveProcess } from './serve-process.js';
