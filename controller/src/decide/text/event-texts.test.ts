import { describe, expect, it } from 'vitest';
import { eventTexts } from './event-texts.js';

describe('eventTexts', () => {
  it('includes an operator’s reason if there is one', () => {
    expect(eventTexts.modeSet('frozen', 'holidays')).toBe('Thresholds are frozen: holidays.');
    expect(eventTexts.goalsSet([], '')).toBe('No goal.');
    expect(eventTexts.policySet('ada', 3, '', true)).toBe(
      'ada set policy 3. The controller does not change it until `offramp fleet resume`.',
    );
  });

  it('names a canary’s harm, and compares it with the other devices', () => {
    expect(eventTexts.canaryHarms(4, { kind: 'late', share: 0.2, othersShare: 0.033 })).toBe(
      'Policy 4 is rolled back: 20 % of its samples were answered later than the goal allows, against 3.3 % on other devices.',
    );
    expect(eventTexts.canaryHarms(4, { kind: 'disagreement', disagreed: 12 })).toContain('12 of its audits');
  });

  it('counts and names the first devices of a canary', () => {
    expect(eventTexts.canaryBegins([0.9, 0.8], ['cam-2'], 3)).toBe(
      'Thresholds 0.9 0.8 go to 1 of 3 devices first: cam-2.',
    );
    const first = Array.from({ length: 25 }, (_, i) => `cam-${i}`);
    expect(eventTexts.canaryBegins([0.9], first, 100)).toContain('25 of 100 devices first: cam-0, cam-1,');
    expect(eventTexts.widened({ version: 3, share: 0.25, reach: { devices: 2, online: 6 } })).toBe(
      'Policy 3 is tried by 2 of 6 devices.',
    );
  });

  it('has a sentence for thresholds without early exits', () => {
    expect(eventTexts.thresholdsForAll([1.5, 1.5])).toBe('Every sample runs to the final exit.');
    expect(eventTexts.thresholdsForAll([0.9, 1.5])).toBe('Thresholds 0.9 never for all devices.');
  });

  it('shortens long lists of names', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    expect(eventTexts.devicesSilent(names, 1_200, 1_207)).toBe(
      '7 devices (a, b, c, d, e and 2 more) have stopped reporting; 1,200 of 1,207 report.',
    );
  });
});
