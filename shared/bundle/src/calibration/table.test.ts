import { describe, expect, it } from 'vitest';
import { parseCalibrationTable } from './table.js';

const table = {
  samples: 2,
  branches: [{ confidence: [0, 1], agrees: '01' }],
  correct: ['01', '11'],
};
const parse = (value: unknown) => parseCalibrationTable(JSON.stringify(value), 'calibration.json');

describe('parseCalibrationTable', () => {
  it('reads tables with labels, without, and of no samples', () => {
    expect(parse(table)).toEqual(table);
    expect(parse({ ...table, correct: null }).correct).toBeNull();
    expect(parse({ ...table, finalAgrees: '10' }).finalAgrees).toBe('10');
    expect(parse({ samples: 0, branches: [], correct: null }).branches).toEqual([]);
  });

  it.each([
    [
      'a confidence above 1',
      { ...table, branches: [{ confidence: [0, 1.5], agrees: '01' }] },
      'confidence.1',
    ],
    ['a confidence below 0', { ...table, branches: [{ confidence: [-1, 1], agrees: '01' }] }, 'confidence.0'],
    [
      'another character',
      { ...table, branches: [{ confidence: [0, 1], agrees: '0x' }] },
      'a string of 0 and 1',
    ],
    [
      'too few confidences',
      { ...table, branches: [{ confidence: [0], agrees: '01' }] },
      'expected 2 samples',
    ],
    ['too many bits', { ...table, branches: [{ confidence: [0, 1], agrees: '011' }] }, 'found 3'],
    ['a final exit of other length', { ...table, finalAgrees: '1' }, 'found 1'],
    ['labels of other length', { ...table, correct: ['01', '1'] }, 'found 1'],
    ['labels of too few exits', { ...table, correct: ['01'] }, 'correct: expected one entry per exit'],
    ['another field', { ...table, more: 1 }, 'more'],
    ['no table', null, 'calibration.json'],
  ])('refuses %s', (_, value, message) => {
    expect(() => parse(value)).toThrow(message);
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'BUNDLE_INVALID' }));
  });

  it('refuses what is not JSON', () => {
    expect(() => parseCalibrationTable('{"samples": 2', 'calibration.json')).toThrow(
      'calibration.json is not JSON',
    );
  });
});
