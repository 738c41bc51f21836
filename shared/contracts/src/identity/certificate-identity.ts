import type { X509Certificate } from 'node:crypto';
import { type Identity, parseIdentity } from './spiffe-id.js';

/** One name of a certificate as Node.js writes it: what is not plain text is quoted like a JSON string. */
const namePattern = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** Whom a certificate names; `null` unless it has exactly one URI, as SPIFFE demands, and that is of an Offramp fleet. */
export function identityOf({ subjectAltName }: Pick<X509Certificate, 'subjectAltName'>): Identity | null {
  const [uri, ...others] = urisIn(subjectAltName ?? '');
  return uri === undefined || others.length > 0 ? null : parseIdentity(uri);
}

/** None for text that does not follow Node.js' form. */
function urisIn(names: string): string[] {
  const uris: string[] = [];
  for (let at = 0; at < names.length; at = namePattern.lastIndex) {
    namePattern.lastIndex = at;
    const [whole, kind, value = ''] = namePattern.exec(names) ?? [];
    if (!whole) return [];
    if (kind === 'URI') uris.push(value);
  }
  return uris;
}
