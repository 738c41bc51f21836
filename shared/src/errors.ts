/**
 * Every error a person can meet. A code never changes its meaning; scripts may rely on it.
 * The exit status of the command line is 2 for `USAGE` and `CONFIG_INVALID`, its own for `INTERRUPTED`, and 1 for the
 * others.
 */
export type ErrorCode =
  /** The command line asks for something that does not exist. */
  | 'USAGE'
  /** An option has a value it cannot have, whether from file, environment or flag. */
  | 'CONFIG_INVALID'
  | 'FILE_NOT_FOUND'
  /** Not an ONNX model, or one that is broken. */
  | 'MODEL_INVALID'
  /** An ONNX model that Offramp cannot cut or attach exits to. */
  | 'MODEL_UNSUPPORTED'
  /** Not a bundle, or its manifest does not follow the schema. */
  | 'BUNDLE_INVALID'
  /** A file of the bundle is missing, truncated or changed. */
  | 'BUNDLE_CORRUPT'
  /** The worker does not serve this bundle. */
  | 'BUNDLE_UNKNOWN'
  | 'DATA_NOT_FOUND'
  /** A data file that does not hold what its format promises. */
  | 'DATA_INVALID'
  /** One picture that cannot be decoded. */
  | 'IMAGE_INVALID'
  /** A tensor whose shape, encoding or length is not what was expected. */
  | 'TENSOR_INVALID'
  | 'POLICY_INVALID'
  /** Somebody else set a newer policy in between. */
  | 'POLICY_CONFLICT'
  | 'PORT_IN_USE'
  /** An address that cannot be listened on, for another reason than being in use. */
  | 'LISTEN_FAILED'
  /** An HTTP request that the API does not take; status and message say why. */
  | 'REQUEST_INVALID'
  /** What was asked for by name is not there. */
  | 'NOT_FOUND'
  /** The token is missing, or is not the one that is asked for. */
  | 'UNAUTHORIZED'
  /** Results cannot be written where they should go. */
  | 'OUTPUT_FAILED'
  /** Not a checkpoint of a training, or one that is broken. */
  | 'CHECKPOINT_INVALID'
  /** A person ended a job before it was done; the exit status is 130 for SIGINT and 143 for SIGTERM. */
  | 'INTERRUPTED'
  | 'NATS_UNAVAILABLE'
  /** The NATS server runs without JetStream, or refuses what is asked of it. */
  | 'JETSTREAM_UNAVAILABLE'
  /** No controller answers on the bus. */
  | 'CONTROLLER_UNAVAILABLE'
  /** A device's report that is not what the contract says. */
  | 'TELEMETRY_INVALID'
  /** No worker can be reached. */
  | 'CLOUD_UNAVAILABLE'
  /** A program that was asked for its health does not answer, or says that it is not ready. */
  | 'UNHEALTHY'
  /** A queue is full; the error says when to come back. */
  | 'OVERLOADED'
  /** The program is on its way out and takes nothing new. */
  | 'STOPPING'
  /** The time that somebody would wait for the answer is over. */
  | 'DEADLINE_EXCEEDED'
  | 'INFERENCE_FAILED'
  | 'TRAINING_FAILED'
  | 'INTERNAL';

export interface OfframpErrorOptions {
  /** What the person can do about it. */
  hint?: string;
  cause?: unknown;
  /** With `OVERLOADED` and `STOPPING`: when to try again, in milliseconds. */
  retryAfterMs?: number;
}

/** An error with a stable code, a message that names what was expected and found, and a hint. */
export class OfframpError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: OfframpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OfframpError';
    this.code = code;
    this.hint = options.hint;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export function isOfframpError(error: unknown): error is OfframpError {
  // By name too: two copies of this package may meet in one process.
  return error instanceof OfframpError || (error instanceof Error && error.name === 'OfframpError');
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node.js system error such as `ENOENT`, if it is one. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
