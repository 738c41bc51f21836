import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

/**
 * Breaks a line at words, not between a number and its `%`. What follows is indented, so that it is told from the next line; a word that is longer than a
 * line stays whole.
 * @param width columns; `null`: what reads it is no terminal, and wants its lines whole
 */
export function wrapLine(line: string, width: number | null, indent = '  '): string {
  if (width === null || stringWidth(line) <= width) return line;
  const wrap = (text: string, room: number) =>
    wrapAnsi(text.replace(/(?<=\d) (?=%)/g, '\u00a0'), room)
      .replaceAll('\u00a0', ' ')
      .split('\n');
  const [first = '', ...others] = wrap(line, width);
  if (others.length === 0) return first;
  // Joined again, for they have less room than the first.
  const rest = wrap(others.join(' '), Math.max(1, width - indent.length));
  return [first, ...rest.map((each) => indent + each)].join('\n');
}
