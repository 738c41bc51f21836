/** Whether an occurrence is worth a log line: the 1st, 2nd, 4th, 8th and so on, so that one bad sender cannot flood the log. */
export function isDoubling(occurrences: number): boolean {
  return occurrences > 0 && Number.isInteger(Math.log2(occurrences));
}
