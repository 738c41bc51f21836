import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type LinkState, StreamLink, type StreamMessage } from './stream-link.js';

const eventually = { timeout: 60_000, interval: 20 };
const first = 'event: hello\ndata: {"version":"1"}\n\n: \n\nid: 7\nevent: event\ndata: {"text":"grün"}\n\n';
const second = 'id: 8\nevent: event\ndata: {"text":"next"}\n\nid: 9\nevent: event\ndata: {"text":"half';

/** Requests received, and the responses to give. */
let asked: Headers[];
let answers: (() => Response)[];
let link: StreamLink | null;

beforeEach(() => {
  asked = [];
  answers = [];
  link = null;
  vi.stubGlobal('sessionStorage', { getItem: () => null });
  vi.stubGlobal('fetch', async (_: string, { headers }: RequestInit) => {
    asked.push(new Headers(headers));
    const answer = answers.shift();
    if (!answer) throw new Error('no answer is left');
    return answer();
  });
});

afterEach(() => {
  link?.close();
  vi.unstubAllGlobals();
});

/** A stream that sends its bytes in pieces of a size and then ends. */
function streamOf(text: string, pieceBytes: number): Response {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        controller.enqueue(bytes.slice(at, at + pieceBytes));
      }
      controller.close();
    },
  });
  return new Response(body);
}

function follow(): { messages: StreamMessage[]; states: LinkState[] } {
  const messages: StreamMessage[] = [];
  const states: LinkState[] = [];
  link = new StreamLink({
    messages: (read) => messages.push(...read),
    state: (state) => states.push(state),
  });
  return { messages, states };
}

it.each([1, 3, 1_000])('reads messages in pieces of %i bytes', async (pieceBytes) => {
  answers = [() => streamOf(first, pieceBytes)];
  const { messages } = follow();
  await expect
    .poll(() => messages, eventually)
    .toEqual([
      { name: 'hello', data: { version: '1' } },
      { name: 'event', data: { text: 'grün' } },
    ]);
});

it('resumes after the last complete event', async () => {
  answers = [first, second, ''].map((text) => () => streamOf(text, 1_000));
  const { messages, states } = follow();
  await expect.poll(() => asked.length, eventually).toBe(3);
  expect(asked.map((headers) => headers.get('last-event-id'))).toEqual([null, '7', '8']);
  expect(messages.at(-1)).toEqual({ name: 'event', data: { text: 'next' } });
  expect(states.slice(0, 4)).toEqual(['live', 'cut', 'live', 'cut']);
});

it('does not retry with a token that was refused', async () => {
  answers = [() => Response.json({ error: { message: 'the token is wrong' } }, { status: 401 })];
  const { states } = follow();
  await expect.poll(() => states, eventually).toEqual(['refused']);
  expect(asked).toHaveLength(1);
});
