import { pino } from 'pino';
import { expect, test } from 'vitest';
import { checkPlainText } from './plain-text.js';

const hint = 'Name the server with tls://.';

function logged(hosts: string[], insecure: boolean): string[] {
  const lines: string[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(line) });
  checkPlainText({ option: '--nats', hosts, insecure, hint }, logger);
  return lines;
}

test.each([false, true])(
  'plain text with this machine is allowed and not logged (--insecure: %s)',
  (insecure) => {
    expect(logged(['127.0.0.1', '::1', 'localhost'], insecure)).toEqual([]);
  },
);

test('plain text with another machine is refused', () => {
  expect(() => logged(['127.0.0.1', '10.0.0.5', 'nats'], false)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: '--nats: expected TLS, or an address of this machine; found plain text for 10.0.0.5, nats',
      hint: `${hint} --insecure allows plain text.`,
    }),
  );
});

test('--insecure allows it, and the log says so', () => {
  expect(logged(['10.0.0.5'], true)).toEqual([
    expect.stringMatching(/"hosts":\["10\.0\.0\.5"\].*"plain text: /),
  ]);
});
