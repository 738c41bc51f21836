/** Names of gRPC's status codes. `@offramp/contracts` translates them to numbers. */
export type GrpcStatusName =
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'INTERNAL'
  | 'UNAVAILABLE';

interface CatalogueEntry {
  meaning: string;
  /** What the person who sees it can do. */
  action: string;
  /** Default 500. */
  http?: number;
  /** Default `INTERNAL`. */
  grpc?: GrpcStatusName;
  /** Of the command line. Default 1. */
  exit?: number;
}

/**
 * Every error code, what it means and how each interface reports it. A code never changes its meaning: scripts may
 * rely on it. `docs/errors.md` is generated from this table.
 */
const entries = {
  USAGE: {
    meaning: 'The command line asks for something that does not exist.',
    action: 'Read the `--help` of the command.',
    http: 400,
    exit: 2,
  },
  CONFIG_INVALID: {
    meaning: 'An option or a field has a value that it cannot have.',
    action: 'Correct the option that the message names: in the file, the environment or the flags.',
    http: 400,
    exit: 2,
  },
  FILE_NOT_FOUND: {
    meaning: 'A file or folder does not exist or cannot be read.',
    action: 'Check the path and its permissions.',
  },
  MODEL_INVALID: {
    meaning: 'A file is not an ONNX model, or the model is broken.',
    action: 'Export the model again and check it with `onnx.checker`.',
  },
  MODEL_UNSUPPORTED: {
    meaning: 'Offramp cannot cut this ONNX model or attach exits to it.',
    action: 'Export the model as the message says; `offramp inspect` shows where a model can be cut.',
  },
  BUNDLE_INVALID: {
    meaning: 'A folder is not a bundle, or its manifest does not follow the schema.',
    action: 'Check the path, or write the bundle again with `offramp augment`.',
  },
  BUNDLE_CORRUPT: {
    meaning: 'A file of the bundle is missing, truncated or changed.',
    action: 'Copy the bundle again.',
  },
  BUNDLE_UNKNOWN: {
    meaning: 'The worker does not serve this bundle.',
    action: 'Give the worker the bundle that the device runs.',
    grpc: 'NOT_FOUND',
  },
  DATA_NOT_FOUND: {
    meaning: 'A data set, a part of it or a sample does not exist.',
    action: 'Check the path and which files the format expects.',
  },
  DATA_INVALID: {
    meaning: 'A data file does not hold what its format requires.',
    action: 'Correct or download again the file that the message names.',
  },
  IMAGE_INVALID: {
    meaning: 'A picture cannot be decoded.',
    action: 'Send a complete picture in a supported format.',
    http: 400,
    grpc: 'INVALID_ARGUMENT',
  },
  TENSOR_INVALID: {
    meaning: 'A tensor has another shape, encoding, length or range than expected.',
    action: 'Compare the tensor with the input in the bundle’s manifest.',
    http: 400,
    grpc: 'INVALID_ARGUMENT',
  },
  POLICY_INVALID: {
    meaning: 'A policy does not fit the bundle or is malformed.',
    action: 'Give one threshold per branch, each in the range that the message names.',
    http: 400,
    grpc: 'INVALID_ARGUMENT',
  },
  POLICY_OTHER_BUNDLE: {
    meaning: 'A policy is for another bundle than the one the device runs.',
    action:
      'Give the device that bundle, or set a policy for its own with `offramp fleet policy set --bundle`.',
    http: 400,
    grpc: 'INVALID_ARGUMENT',
  },
  POLICY_CONFLICT: {
    meaning: 'Another change was stored first.',
    action: 'Read the current state and repeat the change on it.',
    http: 409,
  },
  STATE_VERSION_UNKNOWN: {
    meaning: 'A record of the controllers in NATS was written by a newer version of Offramp.',
    action: 'Update this controller. It leaves the record as it is.',
  },
  OUTCOME_UNKNOWN: {
    meaning:
      'A change was asked for and nothing said whether it was made; it may have been, or may still be.',
    action:
      'Look with the command that the message names, or repeat the change under the same request ID: it is made once.',
    http: 504,
  },
  PORT_IN_USE: {
    meaning: 'Another process listens on the address.',
    action: 'Choose another address, or stop that process.',
  },
  LISTEN_FAILED: {
    meaning: 'The program cannot listen on the address, though it is free.',
    action: 'Check that the address belongs to this machine and that the user may listen on it.',
  },
  REQUEST_INVALID: {
    meaning:
      'The API does not accept the HTTP request. Where HTTP has a status for the reason, such as 404, 408, 413, 415, 417 or 431, the response has that one.',
    action: 'Correct the field, header or path that the message names.',
    http: 400,
  },
  NOT_FOUND: {
    meaning: 'Nothing has the name that was asked for.',
    action: 'Check the name, for example with `offramp fleet ls`.',
    http: 404,
  },
  UNAUTHORIZED: {
    meaning:
      'The token is missing or wrong; or, where none is asked for, the request names a foreign `Host`.',
    action: 'Send the token of the controller, or ask under a name that the message lists.',
    http: 401,
  },
  FORBIDDEN: {
    meaning: 'The one who asks is known, and may not do this.',
    action: 'Ask with the certificate of a party that may: only devices send samples to workers.',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  CREDENTIALS_INVALID: {
    meaning:
      'A certificate, private key, revocation list or login is malformed or expired, or does not fit the others.',
    action: 'Replace the file that the message names.',
  },
  SECRET_EXPOSED: {
    meaning: 'Others than its owner may read or write a file with a secret.',
    action: 'Let only its owner read it (`chmod 600`), and replace the secret if others may have read it.',
  },
  NAME_TAKEN: {
    meaning: 'An agent with the same name and group runs already.',
    action: 'Give each agent a name of its own with `--device`, or stop the other one.',
    http: 409,
  },
  ALREADY_EXISTS: {
    meaning: 'What is to be made exists. It stays as it is.',
    action: 'Choose another name or folder, or do what the message says.',
    http: 409,
  },
  OUTPUT_FAILED: {
    meaning: 'Results cannot be written to their destination.',
    action: 'Check the path, its permissions and the free space.',
  },
  CHECKPOINT_INVALID: {
    meaning: 'A file is not a training checkpoint, or the checkpoint is broken.',
    action: 'Start the training again without it.',
  },
  INTERRUPTED: {
    meaning: 'A signal ended the job before it was done. The exit status is 130 for SIGINT, 143 for SIGTERM.',
    action: 'Run the command again; a training continues from its checkpoint.',
    exit: 130,
  },
  NATS_UNAVAILABLE: {
    meaning: 'The NATS server cannot be reached.',
    action: 'Check the server’s address and that it runs.',
    http: 503,
  },
  NATS_REFUSED: {
    meaning: 'The NATS server refuses the login.',
    action: 'Give credentials that the server knows, and that have not expired.',
    http: 503,
  },
  NATS_WITHOUT_TLS: {
    meaning: 'A `tls://` address names a NATS server without TLS.',
    action: 'Configure TLS on the server. A `nats://` address also accepts plain text.',
    http: 503,
  },
  NATS_UNTRUSTED: {
    meaning:
      'The certificate of the NATS server comes from an unknown authority, has expired, or is for another host.',
    action: 'Name its authority with `--nats-ca`, or the server as its certificate does.',
    http: 503,
  },
  JETSTREAM_UNAVAILABLE: {
    meaning: 'The NATS server runs without JetStream, or JetStream refuses the request.',
    action: 'Start `nats-server` with `--jetstream` and check its limits.',
    http: 503,
  },
  CONTROLLER_UNAVAILABLE: {
    meaning: 'No controller answers.',
    action: 'Start a controller, or check the address.',
  },
  TELEMETRY_INVALID: {
    meaning: 'A device’s report does not follow the contract.',
    action: 'Run device and controller at compatible versions.',
  },
  CLOUD_UNAVAILABLE: {
    meaning: 'No worker can be reached.',
    action: 'Check the worker’s address and that it runs.',
  },
  UNHEALTHY: {
    meaning: 'A program asked for its health does not answer or is not ready.',
    action: 'Read the log of that program.',
  },
  OVERLOADED: {
    meaning: 'A queue is full. The error says when to try again.',
    action: 'Wait for the given time, send less, or add capacity.',
    http: 503,
    grpc: 'RESOURCE_EXHAUSTED',
  },
  STOPPING: {
    meaning: 'The program is starting or stopping and accepts nothing new.',
    action: 'Try again after the given time, or on another instance.',
    http: 503,
    grpc: 'UNAVAILABLE',
  },
  DEADLINE_EXCEEDED: {
    meaning: 'The answer was not ready within the time that the caller allowed.',
    action: 'Allow more time, or add workers.',
    grpc: 'DEADLINE_EXCEEDED',
  },
  INFERENCE_FAILED: {
    meaning: 'ONNX Runtime could not load or run a stage, or an exit that had to answer yielded no numbers.',
    action:
      'Read the message of ONNX Runtime; check the execution provider and the free memory. Where an exit yields NaN or infinity, check the model.',
  },
  TRAINING_FAILED: {
    meaning: 'The training cannot start or does not converge.',
    action: 'Follow the message: more data, other classes or another learning rate.',
  },
  NO_BRANCH_PAYS: {
    meaning: 'No early exit would lower the cost of the model, so no bundle was written.',
    action:
      'Read what the best choice comes to; lower `--agreement`, or let `--branches 0` write a bundle of the whole model.',
  },
  INTERNAL: {
    meaning: 'A defect in Offramp.',
    action: 'Report it with the log or the trace.',
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof entries;

/** How each interface reports a code. */
export interface ErrorDescription {
  meaning: string;
  action: string;
  httpStatus: number;
  grpcStatus: GrpcStatusName;
  /** Of the command line. */
  exitStatus: number;
}

/** The catalogue's entry of a code, complete. */
export function describeError(code: ErrorCode): ErrorDescription {
  const { meaning, action, http = 500, grpc = 'INTERNAL', exit = 1 }: CatalogueEntry = entries[code];
  return { meaning, action, httpStatus: http, grpcStatus: grpc, exitStatus: exit };
}

export const errorCodes = Object.keys(entries) as readonly ErrorCode[];
