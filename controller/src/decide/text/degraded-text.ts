import { type DegradedAnswers, recentOf } from '../group/degraded-answers.js';
import { countText } from './count-text.js';
import { percentText } from './percent-text.js';

export function degradedInWords(degraded: DegradedAnswers): string {
  const { samples, share, refused } = recentOf(degraded.recent);
  const byWorkers = refused === 0 ? '' : ` Workers refused ${percentText(refused)} of these.`;
  return `Of the last ${countText(samples)} samples, ${percentText(share)} were answered by a branch below its threshold, because the cloud did not answer.${byWorkers}`;
}
