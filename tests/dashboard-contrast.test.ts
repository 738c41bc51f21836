import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const styles = new URL('../controller/dashboard/dashboard.css', import.meta.url);

/** Of text: WCAG 2.2, success criterion 1.4.3, level AA. */
const texts = [
  ...['text', 'muted', 'accent', 'bad'].flatMap((of) => [`${of} on page`, `${of} on surface`]),
  ...['text on accent-soft', 'text on bad-soft', 'on-accent on accent'],
  ...['good on surface', 'good on good-soft', 'bad on bad-soft'],
];
/** Of what has to be seen to be understood: criterion 1.4.11. */
const parts = [
  ...['ok', 'canary', 'outlier', 'behind', 'degraded', 'failing', 'offline'].map((of) => `standing-${of}`),
  ...['exit-first', 'exit-last', 'exit-final', 'field'],
].map((part) => `${part} on surface`);

it.each(['light', 'dark'])('the dashboard has enough contrast in the %s', async (scheme) => {
  const [light = '', dark = ''] = (await readFile(styles, 'utf8')).split('(prefers-color-scheme: dark)');
  const colours = new Map([...coloursIn(light), ...(scheme === 'dark' ? coloursIn(dark) : [])]);
  const tooLittle = [...texts.map((pair) => [pair, 4.5] as const), ...parts.map((pair) => [pair, 3] as const)]
    .map(([pair, least]) => ({ pair, least, contrast: contrastOf(pair, colours) }))
    .filter(({ least, contrast }) => !(contrast >= least));
  expect(tooLittle).toEqual([]);
});

function coloursIn(css: string): [string, string][] {
  return [...css.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, colour]) => [
    name ?? '',
    colour ?? '',
  ]);
}

function contrastOf(pair: string, colours: ReadonlyMap<string, string>): number {
  const [above = 0, below = 0] = pair
    .split(' on ')
    .map((name) => luminance(colours.get(name) ?? ''))
    .sort((a, b) => b - a);
  return (above + 0.05) / (below + 0.05);
}

/** Relative luminance, as WCAG defines it. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
