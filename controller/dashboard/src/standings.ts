import type { DeviceStanding } from '../../src/http/schemas/index.js';

/** States of devices, the most urgent first. */
export const standings: readonly { name: DeviceStanding; letter: string; meaning: string }[] = [
  { name: 'failing', letter: 'f', meaning: 'cannot apply its policy, or cannot answer' },
  { name: 'degraded', letter: 'd', meaning: 'the cloud does not answer it' },
  { name: 'offline', letter: 'x', meaning: 'has not reported recently' },
  {
    name: 'outlier',
    letter: 'u',
    meaning: 'has its own thresholds, because its traffic differs from its group’s',
  },
  { name: 'behind', letter: 'b', meaning: 'has not applied the newest policy' },
  { name: 'canary', letter: 'c', meaning: 'follows a new policy before the others' },
  { name: 'ok', letter: 'o', meaning: 'follows its group' },
];

const byLetter = new Map(standings.map((standing) => [standing.letter, standing.name]));

export const standingOfLetter = (letter: string | undefined): DeviceStanding =>
  byLetter.get(letter ?? '') ?? 'ok';

export function countStandings(letters: string): Map<DeviceStanding, number> {
  const counts = new Map<DeviceStanding, number>();
  for (const letter of letters) {
    const standing = standingOfLetter(letter);
    counts.set(standing, (counts.get(standing) ?? 0) + 1);
  }
  return counts;
}
