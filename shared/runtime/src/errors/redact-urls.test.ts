import { describe, expect, it } from 'vitest';
import { redactUrl, redactUrls } from './redact-urls.js';

describe('redactUrls', () => {
  it.each([
    [
      'no NATS server answers at nats://me:secret@a:4222: refused',
      'no NATS server answers at nats://***@a:4222: refused',
    ],
    ['nats://secret@a', 'nats://***@a'],
    ['nats://me:secret@a:4222,nats://you:secret@b:4222', 'nats://***@a:4222,nats://***@b:4222'],
    ['nats://me:sec@ret@a', 'nats://***@a'],
    ['https://me:sec/ret?#@a/b', 'https://***@a/b'],
    ['no bundle in nats:/me:secret@a/manifest.json', 'no bundle in nats:/***@a/manifest.json'],
    ['(TLS://me:secret@a)', '(TLS://***@a)'],
    [JSON.stringify({ url: 'nats://me:se"cr\\et@a', at: 'x@y' }), '{"url":"nats://***@a","at":"x@y"}'],
    ['{"url":"nats://a","at":"x@y"}', '{"url":"nats://a","at":"x@y"}'],
    ['GET /v1?token=secret&limit=3', 'GET /v1?token=***&limit=3'],
    ['https://a/b?x=1&access_token=secret#c', 'https://a/b?x=1&access_token=***#c'],
    ['{"url":"https://a/?X-Amz-Signature=secret"}', '{"url":"https://a/?X-Amz-Signature=***"}'],
  ])('%s', (text, redacted) => {
    expect(redactUrls(text)).toBe(redacted);
  });

  it.each([
    'nats://127.0.0.1:4222',
    'me@example.org wrote to you',
    'at main (file:///srv/offramp/node_modules/@offramp/cli/dist/main.js:3:1)',
    'https://a/b?limit=3',
  ])('leaves %s', (text) => {
    expect(redactUrls(text)).toBe(text);
  });

  it('takes time in proportion to the text', () => {
    const text = 'ab://c'.repeat(100_000) + '?key'.repeat(100_000);
    expect(redactUrls(text)).toBe(text);
  });
});

describe('redactUrl', () => {
  it.each([
    ['nats://me:se cr"et@a', 'nats://***@a'],
    ['me:secret@a:4222', '***@a:4222'],
    ['secret@a', '***@a'],
    ['htps://a?token=secret', 'htps://a?token=***'],
    ['0.5', '0.5'],
  ])('%s', (value, redacted) => {
    expect(redactUrl(value)).toBe(redacted);
  });
});
