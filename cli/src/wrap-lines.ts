import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

/**
 * Wraps a line at words, but not between a number and its `%`. Continuations are indented. A word that is longer than a line
 * is not split.
 * @param width in columns; `null`: the output is not a terminal, so lines are not wrapped
 */
export function wrapLine(line: string, width: number | null, indent = '  '): string {
  if (width === null || stringWidth(line) <= width) return line;
  const wrap = (text: string, room: number) =>
    wrapAnsi(text.replace(/(?<=\d) (?=%)/g, '\u00a0'), room)
      .replaceAll('\u00a0', ' ')
      .split('\n');
  const [first = '', ...others] = wrap(line, width);
  if (others.length === 0) return first;
  // Joined again, because they have less room than the first.
  const rest = wrap(others.join(' '), Math.max(1, width - indent.length));
  return [first, ...rest.map((each) => indent + each)].join('\n');
}
