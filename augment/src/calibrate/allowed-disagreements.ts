/**
 * The most disagreements among `n` samples at which, with probability 1 − `delta`, `n` new samples have at most
 * the share 1 − `agreement`; −1 if `n` is too small.
 *
 * The test assumes only exchangeable samples: of `total` disagreements among 2·n samples, the number in the observed half is
 * hypergeometric. Accepting a count k is wrong only if there are at least k + m + 1 in all, where m is what the new half may
 * have; so few in the first half are likeliest if there are exactly k + m + 1. The bound includes the new samples' own noise,
 * so it is stricter than Clopper and Pearson's, which is for infinitely many.
 */
export function allowedDisagreements(n: number, agreement: number, delta: number): number {
  const hoped = Math.floor((1 - agreement) * n + 1e-9);
  const holds = (count: number) => count + hoped + 1 > 2 * n || tail(count, n, count + hoped + 1) <= delta;
  let low = -1;
  let high = n + 1;
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * The highest agreement that `disagreements` among `n` samples prove for `n` new ones, with probability
 * 1 − `delta`; the inverse of {@link allowedDisagreements}.
 */
export function provenAgreement(n: number, disagreements: number, delta: number): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (allowedDisagreements(n, 1 - middle / n, delta) >= disagreements) high = middle;
    else low = middle + 1;
  }
  return 1 - low / n;
}

/** Probability that at most `count` of `total` marked ones among 2·n fall into a random half. */
function tail(count: number, n: number, total: number): number {
  // From one term to the next: C(total, i) · C(2n − total, n − i) / C(2n, n).
  const first = Math.max(0, total - n);
  if (count < first) return 0;
  let logTerm = logChoose(total, first) + logChoose(2 * n - total, n - first) - logChoose(2 * n, n);
  let sum = 0;
  for (let i = first; i <= Math.min(count, total, n); i++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log(((total - i) * (n - i)) / ((i + 1) * (n - total + i + 1)));
  }
  return Math.min(1, sum);
}

function logChoose(n: number, k: number): number {
  let log = 0;
  for (let i = 1; i <= k; i++) log += Math.log((n - k + i) / i);
  return log;
}
