const marker = { start: 0xd8, end: 0xd9, scan: 0xda, jfif: 0xe0, profile: 0xe2, adobe: 0xee, comment: 0xfe };

/** What the application segments begin with that decide how pixels look. */
const keptSegments = new Map([
  [marker.jfif, 'JFIF\0'],
  [marker.profile, 'ICC_PROFILE\0'],
  [marker.adobe, 'Adobe'],
]);

/**
 * A JPEG file with nothing but its pixels: without place, time, owner, comments, previews, and what follows the picture.
 * @param atMost bytes
 * @returns `null` for another file, or where more bytes are left
 */
export function bareJpeg(bytes: Uint8Array, atMost: number): Uint8Array | null {
  if (bytes[0] !== 0xff || bytes[1] !== marker.start) return null;
  const kept = [bytes.subarray(0, 2)];
  let length = 2;
  for (let at = 2; ; ) {
    const segment = segmentAt(bytes, at);
    if (!segment) return null;
    if (segment.kept) {
      length += segment.end - at;
      if (length > atMost) return null;
      kept.push(bytes.subarray(at, segment.end));
    }
    if (segment.last) return Buffer.concat(kept, length);
    at = segment.end;
  }
}

/** The segment at an offset, with the coded pixels that follow if it begins a scan; `null` if it is not whole. */
function segmentAt(bytes: Uint8Array, at: number): { kept: boolean; end: number; last: boolean } | null {
  const type = bytes[at + 1];
  if (bytes[at] !== 0xff || type === undefined) return null;
  if (type === marker.end) return { kept: true, end: at + 2, last: true };
  const end = at + 2 + ((bytes[at + 2] ?? 0) << 8) + (bytes[at + 3] ?? 0);
  if (end < at + 4 || end > bytes.length) return null;
  if (type === marker.scan) return { kept: true, end: endOfScan(bytes, end), last: false };
  return { kept: keeps(type, bytes.subarray(at + 4, end)), end, last: false };
}

function keeps(type: number, content: Uint8Array): boolean {
  if (type < 0xe0 || type > 0xef) return type !== marker.comment;
  const begin = keptSegments.get(type);
  return begin !== undefined && Buffer.from(content.subarray(0, begin.length)).toString('latin1') === begin;
}

/** The offset of the next marker: 0xff in coded pixels is followed by 0, or by a restart marker. */
function endOfScan(bytes: Uint8Array, begin: number): number {
  let at = bytes.indexOf(0xff, begin);
  while (at >= 0) {
    const next = bytes[at + 1] ?? 0;
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at;
    at = bytes.indexOf(0xff, at + 1);
  }
  return bytes.length;
}
