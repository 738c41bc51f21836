export { type EndedCommand, runCommand } from './run-command.js';
