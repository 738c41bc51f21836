import { OfframpError } from '@offramp/runtime/errors';
import { type InferenceSession, listSupportedBackends } from 'onnxruntime-node';

/** How ONNX Runtime runs a stage. */
export interface SessionOptions {
  /** ONNX Runtime's `intra_op_num_threads`. Default 1: throughput scales with the number of sessions. */
  intraOpThreads?: number;
  /** Execution providers by name; the first that can run a node runs it. Default `cpu`. */
  executionProviders?: readonly string[];
  /** ONNX Runtime's session configuration entries, such as `session.set_denormal_as_zero`. Default none. */
  sessionEntries?: Readonly<Record<string, string>>;
}

/** @throws OfframpError `CONFIG_INVALID` for an execution provider that this build of ONNX Runtime does not have */
export function checkSessionOptions(options: SessionOptions): Required<SessionOptions> {
  const { intraOpThreads = 1, executionProviders = ['cpu'], sessionEntries = {} } = options;
  const known = listSupportedBackends().map(({ name }) => name);
  for (const provider of executionProviders) {
    if (known.includes(provider)) continue;
    throw new OfframpError(
      'CONFIG_INVALID',
      `execution provider: expected one of ${known.join(', ')}; found ${provider}`,
    );
  }
  return { intraOpThreads, executionProviders, sessionEntries };
}

/** In ONNX Runtime's own form. */
export function runtimeOptions(options: Required<SessionOptions>): InferenceSession.SessionOptions {
  return {
    executionProviders: [...options.executionProviders],
    intraOpNumThreads: options.intraOpThreads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    ...(Object.keys(options.sessionEntries).length > 0 ? { extra: { ...options.sessionEntries } } : {}),
  };
}
