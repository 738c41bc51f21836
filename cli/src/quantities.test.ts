import { describe, expect, it } from 'vitest';
import { parseBandwidth, parseDuration } from './quantities.js';

describe('parseBandwidth', () => {
  it.each([
    ['2mbit', 250_000],
    ['2 Mbit/s', 250_000],
    ['500kbit', 62_500],
    ['1.5mbit', 187_500],
    ['1gbit', 125_000_000],
    ['8bit', 1],
  ])('%s is %d bytes per second', (text, bytes) => {
    expect(parseBandwidth('--bandwidth', text)).toBe(bytes);
  });

  it.each([
    '2',
    '2mb',
    '2Mbps',
    'mbit',
    '-2mbit',
    '2mbit fast',
    '',
    '0mbit',
    'Infinitymbit',
    '1000001gbit',
    '1e3constructor',
  ])('refuses %j', (text) => {
    expect(() => parseBandwidth('--bandwidth', text)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^--bandwidth: expected a bandwidth .*found "/),
      }),
    );
  });
});

describe('parseDuration', () => {
  it.each([
    ['40ms', 40],
    ['0.5 s', 500],
    ['800us', 0.8],
    ['0ms', 0],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(parseDuration('--rtt', text)).toBe(milliseconds);
  });

  it.each(['40', '40 minutes', '-1ms', 'ms'])('refuses %j', (text) => {
    expect(() => parseDuration('--rtt', text)).toThrow(
      '--rtt: expected a time like 40ms or 0.5s, with a unit of us, ms, s',
    );
  });

  it('refuses durations beyond the limit of options', () => {
    expect(() => parseDuration('--rtt', '2073600.001s')).toThrow(
      '--rtt: expected a time up to 2073600000 ms',
    );
  });
});
