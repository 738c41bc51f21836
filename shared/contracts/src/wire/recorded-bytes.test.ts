import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { recordedMessages } from '../testing/recorded-messages.js';
import type { MessageType } from './message-types.js';
import { v1 } from './messages.js';

/** In hexadecimal, as programs have sent and stored them. */
const recorded: Record<string, string> = JSON.parse(
  readFileSync(new URL('../../fixtures/recorded-bytes.json', import.meta.url), 'utf8'),
);
const kinds = Object.entries(recordedMessages).map(([kind, message]) => {
  const type = v1[kind as keyof typeof recordedMessages] as unknown as MessageType<object>;
  return [kind, type, message] as const;
});

test.each(kinds)('%s: its bytes are the recorded ones', (kind, type, message) => {
  expect(Buffer.from(type.encode(message).finish()).toString('hex')).toBe(recorded[kind]);
});

test.each(kinds)('%s: the recorded bytes are the message', (kind, type, message) => {
  const read = type.decode(Uint8Array.from(Buffer.from(recorded[kind] as string, 'hex')));
  expect(read).toMatchObject(message);
  expect(Buffer.from(type.encode(read).finish()).toString('hex')).toBe(recorded[kind]);
});
