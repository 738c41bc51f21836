import { beforeEach, expect, test } from 'vitest';
import { ServiceRate } from '../admission/service-rate.js';
import { type BatchSource, Dispatcher } from './dispatcher.js';

let started: string[];

/** A bundle with batches, full or not, that run until the test ends them. */
class Source implements BatchSource {
  running = 0;

  constructor(
    readonly name: string,
    private readonly batches: ('full' | 'small')[],
  ) {}

  startNext(_: number, onlyFull: boolean): boolean {
    const next = this.batches[0];
    if (!next || (onlyFull && next !== 'full')) return false;
    this.batches.shift();
    this.running++;
    started.push(this.name);
    return true;
  }
}

beforeEach(() => {
  started = [];
});

function dispatch(threads: number, ...sources: Source[]): Dispatcher {
  const dispatcher = new Dispatcher(threads, new ServiceRate());
  for (const source of sources) dispatcher.add(source);
  dispatcher.pump(0);
  return dispatcher;
}

test('bundles take turns on shared threads', () => {
  const [a, b] = [new Source('a', ['small', 'small', 'small']), new Source('b', ['small', 'small'])];
  const dispatcher = dispatch(1, a, b);
  for (let i = 0; i < 4; i++) {
    a.running = 0;
    b.running = 0;
    dispatcher.pump(0);
  }
  expect(started).toEqual(['a', 'b', 'a', 'b', 'a']);
});

test('no more batches run than there are threads', () => {
  const dispatcher = dispatch(2, new Source('a', ['full', 'full']), new Source('b', ['full', 'full']));
  expect(started).toEqual(['a', 'b']);
  expect(dispatcher.hasFreeThread).toBe(false);
});

test('one bundle alone has a full batch ready for each busy thread, but no batch that may still grow', () => {
  dispatch(2, new Source('a', ['full', 'small', 'full', 'full', 'full']), new Source('b', []));
  expect(started).toHaveLength(4);
  started = [];
  dispatch(1, new Source('a', ['full', 'small']));
  expect(started).toHaveLength(1);
});

test('a removed bundle gets no turn', () => {
  const [a, b] = [new Source('a', ['small']), new Source('b', ['small'])];
  const dispatcher = new Dispatcher(2, new ServiceRate());
  for (const source of [a, b]) dispatcher.add(source);
  dispatcher.remove(a);
  dispatcher.pump(0);
  expect(started).toEqual(['b']);
});
