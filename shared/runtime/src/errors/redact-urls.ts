/** With one slash, too: that is what becomes of a URL that is taken for a path. */
const scheme = '[a-z][a-z0-9+.-]{1,19}:\\/{1,2}';

/** To the last @ before a space, a quote or the next URL; a quote in JSON is escaped. Paths of files contain @ as well. */
const userInfo = new RegExp(`\\b((?!file:)${scheme})(?:(?!${scheme})(?:[^\\s"\\\\]|\\\\.))*@`, 'gi');

const secretParameter =
  /([?&][^=&\s"]{0,40}?(?:token|key|secret|passw|auth|sig|credential)[^=&\s"]{0,40}=)[^&\s"#]+/gi;

/** Replaces user names, passwords and tokens in the URLs of a text, so that it can be shown, logged and sent. */
export function redactUrls(text: string): string {
  return text.replace(userInfo, '$1***@').replace(secretParameter, '$1***');
}

/** As {@link redactUrls}, for a value that is meant to be a URL or a list of URLs and need not be a valid one. */
export function redactUrl(value: string): string {
  return redactUrls(value.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@'));
}
