export {
  addressSchema,
  isExposed,
  isLoopback,
  type ListenAddress,
  listenError,
  parseListenAddress,
} from './config/address.js';
export { byteSize, bytesIn } from './config/byte-size.js';
export { commonOptions } from './config/common.js';
export { type DurationBounds, duration, maxDurationMs } from './config/duration.js';
export {
  decodeUserInfo,
  type NatsServers,
  natsServersSchema,
  parseNatsServers,
} from './config/nats-servers.js';
export {
  addConfigOptions,
  type ConfigDefinition,
  type ConfigOf,
  defineConfig,
  flagOf,
  resolveConfig,
} from './config/options.js';
export { checkPlainText, insecureOption, type PlainText } from './config/plain-text.js';
export { removeStaleSocket } from './config/stale-socket.js';
export {
  describeError,
  type ErrorCode,
  type ErrorDescription,
  errorCodes,
  type GrpcStatusName,
} from './errors/catalogue.js';
export { type HttpError, httpErrorOf } from './errors/http-error.js';
export {
  isOfframpError,
  messageOf,
  OfframpError,
  systemCodeOf,
  toOfframpError,
} from './errors/offramp-error.js';
export { quoted, readableText, shortText } from './errors/readable-text.js';
export { redactUrls } from './errors/redact-urls.js';
export { sha256Hex, shortDigest } from './files/digest.js';
export { LiveFiles, type LiveFilesMaker, type WatchedFile } from './files/live-files.js';
export { makeFolder } from './files/make-folder.js';
export {
  checkFile,
  type FileSize,
  openFile,
  readFile,
  readPart,
  readSecretFile,
  readTextFile,
} from './files/read-file.js';
export { replaceFile } from './files/replace-file.js';
export { isDoubling } from './logs/log-doublings.js';
export { LogOnce } from './logs/log-once.js';
export { createLogger, type Logger } from './logs/logging.js';
export {
  ProcessFailure,
  type ProcessFailureReason,
  ProcessPool,
  type ProcessPoolOptions,
} from './processes/process-pool.js';
export { setHeapGrowth } from './program/heap-growth.js';
export { type Program, type ProgramControl, type Started, startProgram } from './program/program.js';
export { Resources } from './program/resources.js';
export { offrampVersion } from './program/version.js';
export { Backoff } from './time/backoff.js';
export { type Clock, systemClock } from './time/clock.js';
export { Waiters } from './waits/waiters.js';
export { within } from './waits/within.js';
