import { describe, expect, it } from 'vitest';
import { type Picture, type Section, StreamClient } from './stream-client.js';

/** A sink with room for a number of writes. */
function sinkWith(room = Number.POSITIVE_INFINITY) {
  const sink = {
    texts: [] as string[],
    ended: false,
    room,
    write(text: string) {
      sink.texts.push(text);
      return --sink.room > 0;
    },
    end() {
      sink.ended = true;
    },
  };
  return sink;
}

const section = (event: string, data: unknown): Section => ({ event, data: JSON.stringify(data) });
const pictureOf = (entries: Record<string, Section>): Picture => new Map(Object.entries(entries));
const message = (event: string, data: unknown) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
const eventText = (sequence: number) => `id: ${sequence}\n${message('event', sequence)}`;

describe('StreamClient', () => {
  it('sends each change once', () => {
    const sink = sinkWith();
    const client = new StreamClient(sink, 0);
    const a = section('group', 1);
    const b = section('group', 2);
    client.show(pictureOf({ 'group a': a, 'group b': b }));
    client.show(pictureOf({ 'group a': a, 'group b': section('group', 3) }));
    expect(sink.texts).toEqual([message('group', 1), message('group', 2), message('group', 3)]);
  });

  it('sends that a group is gone', () => {
    const sink = sinkWith();
    const client = new StreamClient(sink, 0);
    client.show(pictureOf({ 'group a': section('group', 1), 'names a': section('names', []) }));
    sink.texts = [];
    client.show(pictureOf({}));
    client.show(pictureOf({}));
    expect(sink.texts).toEqual([message('gone', { group: 'a' })]);
  });

  it('skips outdated states for a slow client', () => {
    const sink = sinkWith(1);
    const client = new StreamClient(sink, 0);
    for (let i = 0; i < 1_000; i++) client.show(pictureOf({ x: section('x', i), y: section('y', i) }));
    expect(sink.texts).toEqual([message('x', 0)]);
    sink.room = 3;
    client.drained();
    expect(sink.texts).toEqual([message('x', 0), message('x', 999), message('y', 999)]);
  });

  it('sends all events in order, even to a slow client', () => {
    const sink = sinkWith(1);
    const client = new StreamClient(sink, 0);
    for (let sequence = 1; sequence <= 100; sequence++) client.event(sequence, String(sequence));
    expect(sink.texts).toEqual([eventText(1)]);
    sink.room = Number.POSITIVE_INFINITY;
    client.drained();
    expect(sink.texts).toEqual(Array.from({ length: 100 }, (_, i) => eventText(i + 1)));
    expect(sink.ended).toBe(false);
  });

  it('disconnects a client that is too far behind with events, and keeps nothing for it', () => {
    const sink = sinkWith(1);
    const client = new StreamClient(sink, 0);
    for (let sequence = 1; !sink.ended; sequence++) {
      expect(sequence).toBeLessThan(1_000);
      client.event(sequence, String(sequence));
    }
    sink.room = 10;
    client.drained();
    client.show(pictureOf({ x: section('x', 1) }));
    expect(sink.texts).toEqual([eventText(1)]);
  });

  it('disconnects a client that reads nothing any more', () => {
    const sink = sinkWith(1);
    const client = new StreamClient(sink, 0);
    client.show(pictureOf({ x: section('x', 1) }));
    for (let beat = 0; beat < 5; beat++) client.beat();
    expect(sink.ended).toBe(false);
    client.beat();
    expect(sink.ended).toBe(true);
  });

  it('sends heartbeats while there are no changes', () => {
    const sink = sinkWith();
    const client = new StreamClient(sink, 0);
    client.beat();
    expect(sink.texts).toEqual([': \n\n']);
  });

  it('resumes with missed events, then with those held meanwhile, each once', () => {
    const sink = sinkWith();
    const client = new StreamClient(sink, 3);
    client.hold();
    client.event(6, '6');
    client.event(7, '7');
    client.show(pictureOf({ x: section('x', 1) }));
    expect(sink.texts).toEqual([message('x', 1)]);
    client.release([4, 5, 6].map((sequence) => ({ sequence, data: String(sequence) })));
    expect(sink.texts.slice(1)).toEqual([4, 5, 6, 7].map(eventText));
  });
});
