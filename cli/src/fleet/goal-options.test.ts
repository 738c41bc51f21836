import { describe, expect, it } from 'vitest';
import { goalAsOption, goalsOf } from './goal-options.js';

describe('goalsOf', () => {
  it('keeps the order in which goals were given', () => {
    const options = { agreement: 0.98, offload: 0.2, cloudSeconds: 0.5 };
    const kinds = (given: string[]) => goalsOf(options, given).map(({ kind }) => kind);
    expect(kinds(['offload', 'nats', 'agreement'])).toEqual(['offload', 'agreement', 'cloudSeconds']);
    expect(kinds([])).toEqual(['agreement', 'offload', 'cloudSeconds']);
  });

  it.each([
    ['80ms', 80, 0.95],
    ['1.5s', 1_500, 0.95],
    ['80ms:0.99', 80, 0.99],
    ['80ms:.5', 80, 0.5],
  ])('reads a latency of %s', (latency, targetMs, quantile) => {
    expect(goalsOf({ latency }, [])).toEqual([{ kind: 'latency', targetMs, quantile }]);
  });

  it.each(['80', 'fast', '80ms:95', '-1ms', '80ms:1.5', '', '0ms', '80ms:.0'])(
    'refuses a latency of %j',
    (latency) => {
      expect(() => goalsOf({ latency }, [])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    },
  );

  it.each([
    [
      { agreement: 98 },
      '--agreement: expected a share in (0, 1), such as 0.98; found 98',
      '--agreement 0.98',
    ],
    [{ agreement: 2 }, '--agreement: expected a share in (0, 1)', undefined],
    [{ agreement: 1 }, '--agreement: expected a share in (0, 1), such as 0.98; found 1', undefined],
    [{ offload: 20 }, '--offload: expected a share from 0 to 1, such as 0.2; found 20', '--offload 0.2'],
    [{ offload: -1 }, '--offload: expected a share', undefined],
    [{ cloudSeconds: -1 }, '--cloud-seconds: expected seconds per second, from 0 to 1000000; found -1'],
    [{ latency: '0ms' }, '--latency: expected milliseconds above 0, up to an hour; found 0'],
    [{ latency: '2h' }, '--latency: expected a time like 80ms or 1.5s'],
    [{ latency: '4000s' }, '--latency: expected milliseconds above 0, up to an hour; found 4000000'],
    [{ latency: '80ms:.0' }, '--latency: expected a share in (0, 1), such as 0.95; found 0'],
  ])('refuses %j, and names the option', (options, message, meant = undefined) => {
    expect(() => goalsOf(options, [])).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(message),
        hint: meant && `Did you mean ${meant}?`,
      }),
    );
  });

  it('requires a goal', () => {
    expect(() => goalsOf({}, ['nats'])).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

it('shows goals as options', () => {
  const options = { agreement: 0.98, offload: 0.2, latency: '80ms:0.9', cloudSeconds: 2 };
  expect(goalsOf(options, []).map(goalAsOption).join(' ')).toBe(
    '--agreement 0.98 --offload 0.2 --latency 80ms:0.9 --cloud-seconds 2',
  );
});
