import { describeError, type ErrorCode, type GrpcStatusName } from '@offramp/runtime';

/** gRPC's numbers, here so that programs without gRPC need not load it. */
const numbers: Readonly<Record<GrpcStatusName, number>> = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  INTERNAL: 13,
  UNAVAILABLE: 14,
};

/** The gRPC status code that stands for an error on the wire. */
export function grpcStatusOf(code: ErrorCode): number {
  return numbers[describeError(code).grpcStatus];
}
