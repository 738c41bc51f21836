// Records what a device did, separately from its reports, so that the two can be compared. Every number is a count.

/** Counts of the samples that started under one policy. */
export class PolicyBook {
  samples = 0;
  degraded = 0;
  offloaded = 0;
  auditsChosen = 0;
  /** Audited samples that had exited at a branch, and those that had reached the final exit by themselves. */
  audited = 0;
  auditedFinal = 0;
  /** Per exit, the final one last, without degraded samples. */
  left = [];

  add(other) {
    for (const name of ['samples', 'degraded', 'offloaded', 'auditsChosen', 'audited', 'auditedFinal']) {
      this[name] += other[name];
    }
    other.left.forEach((count, exit) => {
      this.left[exit] = (this.left[exit] ?? 0) + count;
    });
    return this;
  }
}

/** Policies' books by version. */
export class Books extends Map {
  of(version) {
    const book = this.get(version) ?? new PolicyBook();
    this.set(version, book);
    return book;
  }

  add(other) {
    for (const [version, book] of other) this.of(version).add(book);
    return this;
  }
}

/**
 * The books of one boot: counts not yet reported, counts in each report without acknowledgement, and acknowledged
 * counts. Windows wait and are joined as in the agent's `ReportBacklog`.
 */
export class BootBooks {
  acknowledged = new Books();
  /** Reports by number that were sent and may have arrived. */
  unacknowledged = new Map();
  /** Policies that the device applied, in order: the number of the newest policy it knew, and what it followed of it. */
  policies = [];
  #current = new Books();
  #waiting = [];
  #maxWaiting;

  constructor(bootId, maxWaiting) {
    this.bootId = bootId;
    this.#maxWaiting = maxWaiting;
  }

  answered(version, { exit, degraded, offloaded }) {
    const book = this.#current.of(version);
    book.samples++;
    if (offloaded) book.offloaded++;
    if (degraded) book.degraded++;
    else book.left[exit] = (book.left[exit] ?? 0) + 1;
  }

  audited(version, final) {
    const book = this.#current.of(version);
    book.auditsChosen++;
    if (final) book.auditedFinal++;
    else book.audited++;
  }

  windowEnded() {
    this.#waiting.push(this.#current);
    this.#current = new Books();
    if (this.#waiting.length <= this.#maxWaiting) return;
    const [oldest, next] = this.#waiting.splice(0, 2);
    this.#waiting.unshift(oldest.add(next));
  }

  /** The oldest waiting window became the report of this number. */
  reported(sequence) {
    this.unacknowledged.set(sequence, this.#waiting.shift());
  }

  reportAcknowledged(sequence) {
    this.acknowledged.add(this.unacknowledged.get(sequence));
    this.unacknowledged.delete(sequence);
  }
}
