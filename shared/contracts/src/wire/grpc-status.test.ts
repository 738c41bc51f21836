import { status } from '@grpc/grpc-js';
import { describeError, errorCodes } from '@offramp/runtime';
import { describe, expect, it } from 'vitest';
import { grpcStatusOf } from './grpc-status.js';

describe('grpcStatusOf', () => {
  it.each(errorCodes)('has the number that gRPC gives the status of %s', (code) => {
    expect(grpcStatusOf(code)).toBe(status[describeError(code).grpcStatus]);
  });
});
