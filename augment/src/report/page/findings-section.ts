import type { Finding, FindingGrade } from '../findings/finding.js';
import { keepUnits } from '../format.js';
import { type Markup, markup } from '../markup.js';

const gradeNames: Readonly<Record<FindingGrade, string>> = { problem: 'Problem', hint: 'Hint', good: 'Good' };

/** The diagnosis. */
export function findingsSection(findings: readonly Finding[]): Markup {
  return markup`<section>
<h2>Diagnosis</h2>
<ul class="findings">${findings.map(
    ({ grade, title, evidence, advice }) => markup`<li class="${grade}">
<h3><span class="grade">${gradeNames[grade]}</span>${keepUnits(title)}</h3>
<dl class="evidence">${evidence.map(([name, value]) => markup`<dt>${name}</dt><dd>${keepUnits(value)}</dd>`)}</dl>
${advice.length > 0 ? markup`<ul>${advice.map((text) => markup`<li>${text}</li>`)}</ul>` : null}
</li>`,
  )}</ul>
</section>`;
}
