import { describe, expect, it } from 'vitest';
import { RunningAverage, TrainingNote } from './training-note.js';

describe('RunningAverage', () => {
  it('starts with the first value, and follows later ones', () => {
    const average = new RunningAverage();
    average.add(5);
    expect(average.value).toBeCloseTo(5, 10);
    for (let i = 0; i < 400; i++) average.add(1);
    expect(average.value).toBeCloseTo(1, 2);
  });

  it('weights the first values equally', () => {
    const average = new RunningAverage();
    average.add(0);
    average.add(1);
    expect(average.value).toBeCloseTo(0.5, 1);
  });
});

describe('TrainingNote', () => {
  it('shows how often each exit agrees with the backbone', () => {
    const note = new TrainingNote(2);
    const never = Float32Array.of(1, 0, 1, 0, 1, 0);
    const twice = Float32Array.of(0, 1, 0, 1, 1, 0);
    note.add(1.25, [never, twice], [1, 1, 1]);
    expect(String(note)).toBe('loss 1.250 agree 0 67 %');
  });

  it('stays short for many exits', () => {
    const note = new TrainingNote(20);
    note.add(
      1,
      Array.from({ length: 20 }, (_, i) => (i === 19 ? Float32Array.of(0, 1) : Float32Array.of(1, 0))),
      [1],
    );
    expect(String(note)).toBe('loss 1.000 agree 0 … 100 %');
  });
});
