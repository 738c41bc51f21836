import { codecCandidates } from './codec-candidates.js';

/** Pictures that all codecs are tried on. They tell which are too coarse, and which of the others are small. */
export const firstPictures = 64;
/** Codecs of a boundary that are tried on all pictures at a time, the smallest: usually one of them is within bounds. */
export const mostContenders = 3;
/** What a codec costs on a picture, encoding and the stages behind, as a share of the backbone. */
const tailShare = 0.5;

/**
 * About how many runs of the whole backbone it takes to choose codecs.
 * @param pictures to choose them on
 */
export function codecRuns(pictures: number, boundaries: number): number {
  const first = Math.min(firstPictures, pictures);
  const tried = first * codecCandidates({ shape: [] }).length + (pictures - first) * mostContenders;
  return pictures + tailShare * boundaries * tried;
}
