export { bytesOfNumbers, npyFile, npzFile } from './array-files.js';
