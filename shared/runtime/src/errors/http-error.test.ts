import { describe, expect, it } from 'vitest';
import { httpErrorOf } from './http-error.js';
import { OfframpError } from './offramp-error.js';

describe('httpErrorOf', () => {
  it('answers with the status of the code, and when to try again', () => {
    const error = new OfframpError('OVERLOADED', 'full', { hint: 'wait', retryAfterMs: 1_200 });
    expect(httpErrorOf(error)).toEqual({
      status: 503,
      headers: { 'retry-after': '2' },
      body: { error: { code: 'OVERLOADED', message: 'full', hint: 'wait', retryAfterMs: 1_200 } },
      isFault: false,
    });
  });

  it('takes a status that the route chose', () => {
    const { status, body } = httpErrorOf(new OfframpError('REQUEST_INVALID', 'no such path'), 404);
    expect({ status, code: body.error.code }).toEqual({ status: 404, code: 'REQUEST_INVALID' });
  });

  it('asks for a token where one is missing', () => {
    expect(httpErrorOf(new OfframpError('UNAUTHORIZED', 'no token')).headers).toEqual({
      'www-authenticate': 'Bearer',
    });
  });

  it('keeps the status that the framework chose', () => {
    const error = Object.assign(new Error('too large'), { statusCode: 413 });
    expect(httpErrorOf(error)).toMatchObject({
      status: 413,
      body: { error: { code: 'REQUEST_INVALID', message: 'too large' } },
      isFault: false,
    });
  });

  it('does not count what another server leaves unanswered as a defect', () => {
    const error = new OfframpError('OUTCOME_UNKNOWN', 'JetStream did not answer');
    expect(httpErrorOf(error)).toMatchObject({ status: 504, isFault: false });
  });

  it('counts any other error as a defect', () => {
    expect(httpErrorOf(new Error('undefined is not a function'))).toMatchObject({
      status: 500,
      body: { error: { code: 'INTERNAL' } },
      isFault: true,
    });
  });
});
