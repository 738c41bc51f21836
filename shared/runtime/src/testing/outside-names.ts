/** Names of properties that every object has. */
export const propertyNames = ['__proto__', 'constructor', 'toString'] as const;

/** Names that the rules for names refuse, by what is wrong with them. */
export const unreadableNames: ReadonlyMap<string, string> = new Map([
  ['empty', ''],
  ['10 kB', 'n'.repeat(10_000)],
  ['a line break', 'a\nb'],
  ['an escape sequence', 'a\u001b[31mb'],
  ['NUL', 'a\0b'],
  ['an eight-bit control character', 'a\u009bb'],
  ['a right-to-left mark', 'a\u200fb'],
  ['a right-to-left override', 'a\u202eb'],
]);
