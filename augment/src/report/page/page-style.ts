import { chartStyle, colourScheme } from '../charts/chart-style.js';

/** The page's whole style sheet. */
export const pageStyle = `
${colourScheme(':root')}
${chartStyle}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 1.2rem; margin: 44px 0 4px; }
p { max-width: 72ch; margin: 6px 0 12px; }
.soft { color: var(--soft); }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.88em; overflow-wrap: anywhere; }
.about { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 16px 0; }
.about dt { color: var(--soft); } .about dd { margin: 0; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; padding: 0; }
.figures li { list-style: none; border: 1px solid var(--rule); border-radius: 8px; padding: 10px 14px; }
.figures b { display: block; font-size: 1.5rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.figures span { color: var(--soft); font-size: 0.85rem; line-height: 1.35; display: block; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 28px 36px; margin: 16px 0; }
.charts > svg { width: 100%; max-width: 540px; height: auto; display: block; }
.scroll { overflow-x: auto; margin: 12px 0 28px; }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { text-align: right; padding: 5px 8px; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; color: var(--soft); vertical-align: bottom; white-space: normal; line-height: 1.3; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr.shipped td { font-weight: 600; background: var(--faint); }
.flag { color: var(--second); font-weight: 600; }
.findings { list-style: none; margin: 16px 0; padding: 0; display: grid; gap: 12px; }
.findings > li { border: 1px solid var(--rule); border-left: 5px solid var(--first); border-radius: 6px; padding: 12px 16px; }
.findings > .problem { border-left-color: var(--second); } .findings > .good { border-left-color: var(--third); }
.findings h3 { font-size: 1rem; margin: 0 0 6px; max-width: 80ch; }
.grade { font-size: 0.72rem; font-weight: 700; text-transform: uppercase; letter-spacing: 0.06em; color: var(--first); margin-right: 8px; }
.problem .grade { color: var(--second); } .good .grade { color: var(--third); }
.evidence { display: grid; grid-template-columns: minmax(0, max-content) minmax(0, 1fr); gap: 0 16px; margin: 0; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
.evidence dt { color: var(--soft); } .evidence dd { margin: 0; }
.findings ul { margin: 8px 0 0; padding-left: 1.2em; font-size: 0.95rem; max-width: 80ch; }
@media (max-width: 480px) {
  .about { grid-template-columns: 1fr; gap: 0; } .about dd { margin-bottom: 6px; }
  .evidence { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  .figures { grid-template-columns: 1fr 1fr; } .figures b { font-size: 1.25rem; }
}
@media print {
  @page { margin: 14mm; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  .charts { grid-template-columns: 1fr 1fr; gap: 8mm 6mm; }
  .charts > svg, .findings > li, tr, .figures li { break-inside: avoid; }
  h2 { break-after: avoid; margin-top: 8mm; }
  table { font-size: 6.8pt; } th, td { padding: 2px 3px; }
  .scroll { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
