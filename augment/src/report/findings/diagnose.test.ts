import { describe, expect, it } from 'vitest';
import type { ExitTimes } from '../stage-times.js';
import { diagnose } from './diagnose.js';
import { factsOf, found, type Group, type Situation } from './testing/situation.js';

/** A bundle without problems: confident where it agrees, and calibrated. */
const groups: Group[] = [
  { samples: 600, confidence: [0.985, 0.99], disagreements: [8, 4] },
  { samples: 300, confidence: [0.7, 0.98], disagreements: [90, 6] },
  { samples: 100, confidence: [0.3, 0.6], disagreements: [60, 40] },
];
const sound: Situation = { groups, thresholds: [0.95, 0.95], target: 0.97 };

/** Everything of one finding's evidence as text. */
const evidence = (situation: Situation, kind: Parameters<typeof found>[1]) =>
  found(situation, kind)
    .flatMap((finding) => finding.evidence)
    .map(([name, value]) => `${name}: ${value}`);

describe('a sound bundle', () => {
  it('has no problem, and its guarantee holds', () => {
    const findings = diagnose(factsOf(sound));
    expect(findings.map(({ kind, grade }) => [kind, grade])).toEqual([
      ['healthy', 'good'],
      ['guarantee', 'good'],
    ]);
    expect(findings[0]?.title).toContain('No problems found');
  });
});

describe('the guarantee', () => {
  it('holds, with the lower bound as evidence', () => {
    const [finding] = found(sound, 'guarantee');
    expect(finding).toMatchObject({ grade: 'good', advice: [] });
    expect(finding?.title).toContain('holds');
    expect(finding?.evidence).toContainEqual(['agreement', '98.60 %']);
    expect(finding?.evidence).toContainEqual(['lower bound at 95 %', '97.82 %']);
  });

  it('is missed if even the upper bound is below', () => {
    const [finding] = found({ ...sound, target: 0.995 }, 'guarantee');
    expect(finding).toMatchObject({ grade: 'problem', title: expect.stringContaining('is missed') });
    expect(finding?.advice).not.toEqual([]);
  });

  it.each([
    [0.983, 'good', 'above'],
    [0.989, 'hint', 'below'],
  ])('is open between the bounds: wanted %d', (target, grade, side) => {
    const [finding] = found({ ...sound, target }, 'guarantee');
    expect(finding).toMatchObject({ grade, title: expect.stringContaining(`is ${side} the`) });
  });
});

describe('over-confident exits', () => {
  const boastful = groups.with(0, { samples: 600, confidence: [0.99, 0.99], disagreements: [50, 4] });

  it('are named with stated, observed and their share of all disagreements', () => {
    const situation = { ...sound, groups: boastful };
    expect(found(situation, 'overconfident')).toMatchObject([{ exit: 0, grade: 'problem' }]);
    expect(evidence(situation, 'overconfident')).toEqual([
      'mean confidence of samples that exit here: 99.00 %',
      'of them agree: 91.67 %',
      'disagree: 50 of 600 that exit here',
      'share of all disagreements: 89.3 %',
      'threshold: 0.95',
    ]);
  });

  it('are not reported from a few samples', () => {
    const few = boastful.map(({ samples, confidence, disagreements }) => ({
      samples: samples / 50,
      confidence,
      disagreements: disagreements.map((wrong) => Math.floor(wrong / 50)),
    }));
    expect(found({ ...sound, groups: few }, 'overconfident')).toEqual([]);
  });

  it('are reported if most disagreements come from one', () => {
    expect(
      found({ ...sound, groups: boastful, target: 0.9 }, 'concentrated').map(({ exit }) => exit),
    ).toEqual([0]);
    expect(found(sound, 'concentrated')).toEqual([]);
  });
});

describe('confidence that does not separate right from wrong', () => {
  it('is reported', () => {
    const flat: Group[] = [
      { samples: 500, confidence: [0.8, 0.96], disagreements: [100, 10] },
      { samples: 500, confidence: [0.79, 0.96], disagreements: [110, 10] },
    ];
    expect(found({ ...sound, groups: flat }, 'indistinct')).toMatchObject([{ exit: 0, grade: 'hint' }]);
    expect(found(sound, 'indistinct')).toEqual([]);
  });
});

describe('too few early exits', () => {
  it('come from thresholds that are too strict, if lower ones would suffice', () => {
    const strict = { ...sound, thresholds: [0.99, 0.999] };
    const [finding] = found(strict, 'few-early-exits');
    expect(finding).toMatchObject({ grade: 'problem', title: expect.stringContaining('stricter') });
    expect(found(strict, 'slack')).toHaveLength(1);
  });

  it('come from the branches, if no thresholds would suffice', () => {
    const poor: Group[] = [{ samples: 1000, confidence: [0.5, 0.6], disagreements: [500, 400] }];
    const [finding] = found({ ...sound, groups: poor }, 'few-early-exits');
    expect(finding).toMatchObject({ title: expect.stringContaining('branches are too weak') });
    expect(finding?.evidence).toContainEqual(['early exits', '0.0 %']);
    expect(found({ ...sound, groups: poor }, 'slack')).toEqual([]);
  });
});

describe('slack', () => {
  it('is the cost that a lower threshold would save', () => {
    const [finding] = found({ ...sound, thresholds: [0.985, 0.99], target: 0.95 }, 'slack');
    expect(finding).toMatchObject({ grade: 'hint', title: expect.stringContaining('would cost') });
    expect(found(sound, 'slack')).toEqual([]);
  });
});

describe('weak branches', () => {
  it('are far below the next exit and have few exits', () => {
    const weak: Group[] = [
      { samples: 50, confidence: [0.97, 0.97], disagreements: [1, 1] },
      { samples: 950, confidence: [0.5, 0.97], disagreements: [475, 15] },
    ];
    expect(found({ ...sound, groups: weak }, 'weak')).toMatchObject([{ exit: 0 }]);
    expect(evidence({ ...sound, groups: weak }, 'weak')).toContain(
      'agreement alone: 52.4 %; next exit 98.4 %',
    );
    expect(found(sound, 'weak')).toEqual([]);
  });
});

describe('badly placed branches', () => {
  it('agree as much as the one before, at a higher cost', () => {
    const same: Group[] = [
      { samples: 800, confidence: [0.98, 0.98], disagreements: [10, 10] },
      { samples: 100, confidence: [0.6, 0.98], disagreements: [30, 26] },
      { samples: 100, confidence: [0.5, 0.5], disagreements: [40, 40] },
    ];
    expect(found({ ...sound, groups: same }, 'redundant')).toMatchObject([{ exit: 1 }]);
    expect(found({ ...sound, groups: same, segmentMacs: [500, 5, 495] }, 'redundant')).toEqual([]);
  });

  it.each([
    ['no sample reaches it', [0, 0.95], 'few samples reach it'],
    ['it is switched off', [0.95, 2], 'its threshold is above 1'],
    ['no sample is confident enough', [0.95, 0.999], 'are confident enough'],
  ])('are not used, as %s', (_, thresholds, why) => {
    expect(found({ ...sound, thresholds }, 'unused')).toMatchObject([
      { exit: 1, title: expect.stringContaining(why) },
    ]);
  });
});

describe('exits that cost more than they save', () => {
  it('are flagged, with their cost', () => {
    const costly = { ...sound, branchMacs: [1, 400] };
    expect(found(costly, 'net-negative-exit')).toMatchObject([{ exit: 1, grade: 'problem' }]);
    // 40 % reach a branch of 400 ‰, 30 % save a segment of 333 ‰ by it: 16 − 10 points.
    expect(found(costly, 'net-negative-exit')[0]?.title).toContain('6.00 points less');
    expect(found(sound, 'net-negative-exit')).toEqual([]);
  });
});

describe('thresholds that do not transfer', () => {
  const elsewhere = groups.with(0, { samples: 600, confidence: [0.985, 0.99], disagreements: [60, 30] });

  it('agree less here than on the held-out pictures', () => {
    const situation = { ...sound, groups: elsewhere, heldOut: groups };
    const [finding] = found(situation, 'transfer');
    expect(finding).toMatchObject({ grade: 'problem', title: expect.stringContaining('agree less') });
    expect(finding?.evidence).toContainEqual(['agreement', '93.40 % here, 98.60 % there']);
    expect(finding?.advice[0]).toMatch(/^Calibrate on other data/);
  });

  it('give a hint if they agree more, or exit elsewhere', () => {
    expect(found({ ...sound, heldOut: elsewhere }, 'transfer')).toMatchObject([
      { grade: 'hint', title: expect.stringContaining('agree more') },
    ]);
    const moved: Group[] = [
      { samples: 300, confidence: [0.985, 0.99], disagreements: [4, 2] },
      { samples: 600, confidence: [0.7, 0.98], disagreements: [180, 10] },
      { samples: 100, confidence: [0.3, 0.6], disagreements: [60, 40] },
    ];
    const [finding] = found({ ...sound, groups: moved, heldOut: groups }, 'transfer');
    expect(finding).toMatchObject({ grade: 'hint', title: expect.stringContaining('other exits') });
    expect(finding?.evidence).toContainEqual(['exit at 0', '30.00 % here, 60.00 % there']);
  });

  it('are not reported if chance explains them', () => {
    const tenth = elsewhere.map(({ samples, confidence, disagreements }) => ({
      samples: samples / 10,
      confidence,
      disagreements: disagreements.map((wrong) => Math.round(wrong / 20)),
    }));
    expect(found({ ...sound, groups: tenth, heldOut: groups }, 'transfer')).toEqual([]);
  });
});

describe('time', () => {
  const times = (...costs: number[]): ExitTimes[] => [
    { batchSize: 1, repetitions: 3, cpuMs: costs, wallMs: costs, costs },
  ];

  it('that falls less than the MACs is traced to a stage', () => {
    const slow = { ...sound, times: times(0.6, 0.8, 1) };
    expect(found(slow, 'time')).toMatchObject([{ grade: 'hint' }]);
    expect(evidence(slow, 'time').join()).toContain('stage 0: 60.0 % of the time, 33.4 % of the MACs');
  });

  it('that falls like the MACs is no finding', () => {
    expect(found({ ...sound, times: times(0.34, 0.67, 1) }, 'time')).toEqual([]);
    expect(found(sound, 'time')).toEqual([]);
  });
});

it('puts the worst first', () => {
  const grades = diagnose(factsOf({ ...sound, target: 0.995, thresholds: [0.95, 2] })).map(
    ({ grade }) => grade,
  );
  expect(grades).toEqual([...grades].sort((a, b) => 'phg'.indexOf(a[0] ?? '') - 'phg'.indexOf(b[0] ?? '')));
  expect(new Set(grades).size).toBeGreaterThan(1);
});
