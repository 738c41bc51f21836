/**
 * Colours of Okabe and Ito's palette, which colour-blind people can distinguish, lightened for dark pages; lines
 * also differ in their dashes. Shared by the page and by the SVG files.
 */
const light = `
  --paper: #ffffff; --ink: #1d232b; --soft: #5a6572; --rule: #d9dee4; --faint: #eef1f4;
  --first: #0072b2; --second: #d55e00; --third: #00795a; --mark: #1d232b;`;
const dark = `
  --paper: #14181d; --ink: #e8ecf0; --soft: #a3aeba; --rule: #3a434d; --faint: #20262d;
  --first: #56b4e9; --second: #f0a35c; --third: #4cc9a0; --mark: #ffffff;`;

const font = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

/** Custom properties for both colour schemes on `selector`; print is always light. */
export const colourScheme = (selector: string) => `
${selector} { color-scheme: light dark; ${light} }
@media screen and (prefers-color-scheme: dark) { ${selector} { ${dark} } }`;

/** The style of charts, in pages and files. */
export const chartStyle = `
.chart { font: 13px ${font}; fill: var(--ink); }
.chart text { fill: var(--ink); }
.chart .title { font-weight: 600; font-size: 14px; }
.chart .soft { fill: var(--soft); }
.chart .grid line { stroke: var(--faint); }
.chart .axis { stroke: var(--soft); fill: none; }
.chart .line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.chart .guide { stroke: var(--soft); stroke-width: 1.25; stroke-dasharray: 5 4; fill: none; }
.chart .threshold { stroke: var(--mark); stroke-width: 1.5; stroke-dasharray: 2 3; }
.chart .under { stroke: var(--paper); stroke-width: 4; stroke-opacity: 0.8; }
.chart .error { stroke-width: 1.5; fill: none; }
.chart .halo { stroke: var(--paper); stroke-width: 4px; paint-order: stroke; stroke-linejoin: round; }
.chart .shipped { stroke: var(--paper); stroke-width: 1.5; }
.chart .s1 { stroke: var(--first); } .chart .f1 { fill: var(--first); }
.chart .s2 { stroke: var(--second); } .chart .f2 { fill: var(--second); }
.chart .s3 { stroke: var(--third); } .chart .f3 { fill: var(--third); }
.chart .d2 { stroke-dasharray: 7 4; } .chart .d3 { stroke-dasharray: 1.5 4.5; }
.chart .open { fill: var(--paper); stroke-width: 1.75; }
`;
