/** Contents of the blocks with a label in a PEM file (RFC 7468), decoded. Text around them is ignored. */
export function pemBlocks(text: string, label: string): Buffer[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g');
  return [...text.matchAll(pattern)].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
}
