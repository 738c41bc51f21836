// Compares what controllers counted and decided with what devices did and received. Pure: from books, streams and states to
// sentences about discrepancies.
import { canaryPlace } from '@offramp/contracts';
import { Books } from './device-books.mjs';

/**
 * What controllers had to count, by the reports in the stream: each report once, and none of a boot after a later boot's.
 * @param stored reports in the stream's order, see `TelemetryReport`
 */
export function countedReports(stored) {
  const boots = new Map();
  const seen = new Set();
  return stored.filter(({ group, device, bootId, sequence }) => {
    const known = boots.get(`${group} ${device}`) ?? [];
    boots.set(`${group} ${device}`, known);
    if (!known.includes(bootId)) known.push(bootId);
    else if (known.at(-1) !== bootId) return false;
    const key = `${bootId}:${sequence}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Devices' books against the stream: it contains every acknowledged report, with the device's counts. */
export function reconcileReports(devices, counted) {
  const byBoot = new Map();
  for (const report of counted) {
    const reports = byBoot.get(report.bootId) ?? [];
    reports.push(report);
    byBoot.set(report.bootId, reports);
  }
  return devices.flatMap(({ boots }) =>
    boots.flatMap(({ bootId, acknowledged, unacknowledged }) => {
      const reports = byBoot.get(bootId) ?? [];
      const told = booksOf(reports);
      const done = new Books().add(acknowledged);
      // A report in transit when the device died may have arrived.
      for (const { sequence } of reports) {
        const book = unacknowledged.get(sequence);
        if (book) done.add(book);
      }
      return difference(done, told).map((what) => `boot ${bootId} did ${what} in the stream`);
    }),
  );
}

/** A group's state as stored by the leader, against the expected counts. */
export function reconcileState(group, state, counted) {
  const told = booksOf(counted.filter((report) => report.group === group));
  const answered = [...told.values()].reduce((sum, book) => sum + book.samples, 0);
  const problems = [];
  if (state.samples !== answered) {
    problems.push(`group ${group}: devices say ${answered} samples, the leader's state ${state.samples}`);
  }
  if (state.samplesUnknown > 0) {
    problems.push(
      `group ${group}: ${state.samplesUnknown} samples under policies that the leader does not know`,
    );
  }
  return problems;
}

/** A controller's list of devices, against the devices' books of their current boots. */
export function reconcileRegister(devices, listed) {
  return devices.flatMap((device) => {
    const view = listed.find((one) => one.device === device.device && one.group === device.group);
    if (!view) return [`device ${device.device} is not in the register`];
    const { acknowledged } = device.books;
    const samples = [...acknowledged.values()].reduce((sum, book) => sum + book.samples, 0);
    return view.total.samples === samples && view.reportsMissing === 0
      ? []
      : [
          `device ${device.device} did ${samples} samples, the register says ${view.total.samples}, ${view.reportsMissing} reports missing`,
        ];
  });
}

/**
 * A group's policies, in the order of the bucket: numbers without a gap, one policy per number, and one event for each, with
 * its thresholds.
 * @param history `{ version, thresholds, canary, author }`, in the order of the bucket; a version repeats when it was widened
 * @param events of the group
 */
export function reconcilePolicies(group, history, events) {
  const problems = [];
  const byVersion = new Map();
  let last = 0;
  for (const policy of history) {
    const before = byVersion.get(policy.version);
    if (!before && policy.version !== last + 1) problems.push(`policy ${policy.version} comes after ${last}`);
    if (before && policy.version !== last)
      problems.push(`policy ${policy.version} comes again after ${last}`);
    if (before && JSON.stringify(before.thresholds) !== JSON.stringify(policy.thresholds)) {
      problems.push(`policy ${policy.version} has had two sets of thresholds`);
    }
    byVersion.set(policy.version, policy);
    last = policy.version;
  }
  const introducing = events.filter(({ kind }) =>
    ['policy', 'canary', 'rolled-back', 'drift'].includes(kind),
  );
  for (const policy of byVersion.values()) {
    const told = introducing.filter(({ policyVersion }) => policyVersion === policy.version);
    if (policy.author !== 'bench' && told.length === 0)
      problems.push(`no event tells of policy ${policy.version}`);
    for (const kind of new Set(told.map((event) => event.kind))) {
      const same = told.filter((event) => event.kind === kind);
      if (same.length > 1) problems.push(`${same.length} events of ${kind} tell of policy ${policy.version}`);
    }
  }
  for (const [i, event] of events.entries()) {
    const twin = events.findIndex((other) => sameEvent(event, other));
    if (twin >= 0 && twin < i)
      problems.push(`event ${event.sequence} says what ${events[twin].sequence} has said: ${event.text}`);
  }
  return problems.map((problem) => `group ${group}: ${problem}`);
}

/**
 * What devices applied: never an older policy than before during a boot, and for each device the part that the contract says.
 * @param histories by group, see `reconcilePolicies`
 */
export function reconcileDevices(devices, histories) {
  return devices.flatMap(({ group, device, boots }) =>
    boots.flatMap(({ bootId, policies }) =>
      policies.flatMap(({ newest, version, thresholds }, i) => {
        const who = `device ${device}, boot ${bootId}, under policy ${newest}`;
        if (i > 0 && newest < policies[i - 1].newest) return [`${who}: had ${policies[i - 1].newest} before`];
        const meant = histories
          .get(group)
          .filter((policy) => policy.version === newest)
          .map((policy) => meantFor(policy, group, device));
        return meant.some((one) => one.version === version && sameNumbers(one.thresholds, thresholds))
          ? []
          : [`${who}: follows ${version} with ${thresholds}`];
      }),
    ),
  );
}

/** By `proto/offramp/v1/fleet.proto`. A policy without thresholds keeps the bundle's, which are not compared. */
function meantFor({ version, thresholds, canary, exceptions }, group, device) {
  const exception = exceptions.find((one) => one.device === device);
  if (exception) return { version, thresholds: exception.thresholds };
  if (!canary || canaryPlace(group, version, device) < canary.below) return { version, thresholds };
  return { version: canary.stable.version, thresholds: canary.stable.thresholds };
}

const sameNumbers = (a, b) =>
  a.length === 0 || (a.length === b.length && a.every((value, i) => value === b[i]));

/** Books of what reports contain. */
function booksOf(reports) {
  const books = new Books();
  for (const { window } of reports) {
    for (const evidence of window.evidence) {
      const book = books.of(evidence.policyVersion);
      for (const name of ['samples', 'degraded', 'offloaded', 'auditsChosen', 'audited', 'auditedFinal']) {
        book[name] += evidence[name];
      }
      evidence.left.forEach((count, exit) => {
        book.left[exit] = (book.left[exit] ?? 0) + count;
      });
    }
  }
  return books;
}

function difference(done, told) {
  const versions = new Set([...done.keys(), ...told.keys()]);
  return [...versions].flatMap((version) => {
    const [a, b] = [plain(done.of(version)), plain(told.of(version))];
    return a === b ? [] : [`${a} under policy ${version}, found ${b}`];
  });
}

/** Trailing exits without samples may be missing. */
function plain({ left, ...counts }) {
  const last = left.findLastIndex((count) => count > 0);
  return JSON.stringify({ ...counts, left: Array.from(left.slice(0, last + 1), (count) => count ?? 0) });
}

function sameEvent(a, b) {
  const what = ({ group, device, kind, text, policyVersion }) =>
    JSON.stringify({ group, device, kind, text, policyVersion });
  return what(a) === what(b) && Math.abs(a.at - b.at) < 10_000 && a.policyVersion > 0;
}
