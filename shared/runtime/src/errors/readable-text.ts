/** Characters that move a terminal's cursor, colour text or reorder it. Line breaks and tabs are not among them. */
const unreadable = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text from outside that a terminal shows as it is: characters that would act on it are written as `\u001b`. */
export function readableText(text: string): string {
  return text.replace(
    unreadable,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The start of a text, with `…` for the rest. */
export function shortText(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
}

const maxQuotedLength = 100;

/** A text from outside as errors quote it: in quotation marks, on one line, and not too long. */
export function quoted(text: string): string {
  return readableText(JSON.stringify(shortText(text, maxQuotedLength)));
}
