import { describe, expect, it } from 'vitest';
import { SseParser } from './sse-parser.js';

const stream =
  'event: hello\ndata: {"version":"1"}\n\n: \n\nid: 7\nevent: event\ndata: {"a":1}\n\ndata:x\ndata: y\n\n';
const messages = [
  { id: '', event: 'hello', data: '{"version":"1"}' },
  { id: '7', event: 'event', data: '{"a":1}' },
  { id: '', event: '', data: 'x\ny' },
];

describe('SseParser', () => {
  it('reads messages, and passes over comments', () => {
    expect(new SseParser().read(stream)).toEqual(messages);
  });

  it('reads them from pieces of whatever size', () => {
    for (const size of [1, 2, 3, 7, 20]) {
      const parser = new SseParser();
      const read = [];
      for (let at = 0; at < stream.length; at += size) read.push(...parser.read(stream.slice(at, at + size)));
      expect(read).toEqual(messages);
    }
  });

  it('keeps what is not complete', () => {
    const parser = new SseParser();
    expect(parser.read('data: half')).toEqual([]);
    expect(parser.read(' a message\n')).toEqual([]);
    expect(parser.read('\n')).toEqual([{ id: '', event: '', data: 'half a message' }]);
  });
});
