import {
  checkName,
  defaultMaxAuditBytesPerHour,
  jetStreamError,
  maxPolicyExceptions,
  v1,
} from '@offramp/contracts';
import { messageOf, OfframpError } from '@offramp/runtime';
import { ErrorCode, type KV, type KvEntry, type NatsConnection, NatsError } from 'nats';
import {
  type NewestPolicy,
  type PolicyContent,
  type PolicyView,
  readPolicyMessage,
  writePolicyMessage,
} from '../decide/model/policy-view.js';
import { compareAndSet, outcomeUnknown, untilStored } from './compare-and-set.js';

/**
 * A policy set by an operator for the whole group. If the newest policy is a canary, it ends, and unchanged fields are those
 * of its stable policy, because the canary is not proven.
 */
export interface NewPolicy {
  group: string;
  /** `null`: unchanged, including exceptions; otherwise exceptions are removed. */
  thresholds: readonly number[] | null;
  /** The bundle that `thresholds` are for, in hexadecimal; `null`: any. Without thresholds, the bundle is unchanged. */
  bundleDigest: string | null;
  /** `null`: unchanged, or 0 without an earlier policy. */
  auditRate: number | null;
  /** `null`: unchanged, or the devices' default. */
  maxAuditBytesPerHour: number | null;
  author: string;
  reason: string;
  /** The number that the newest policy must have; 0: any. */
  expectedVersion: number;
  /** The change is made only once per request ID. */
  requestId: string;
}

/** The outcome of a write, and the bucket's content afterwards, which may already be newer. */
export interface PutResult extends NewestPolicy {
  outcome: PutOutcome;
}

export type PutOutcome =
  /** It is the newest policy. */
  | 'put'
  /** The bucket already had it. */
  | 'present'
  /** The group has another policy of this number, or has had higher numbers without it. */
  | 'version-taken'
  /** The key does not have the expected revision; the number is free. */
  | 'moved';

const historyDeadlineMs = 5_000;

/**
 * The policies of all groups, in the key-value bucket that devices follow. Numbers are assigned by compare-and-set, so they
 * are unique even with concurrent changes through several controllers.
 */
export class PolicyStore {
  constructor(
    private readonly bus: NatsConnection,
    private readonly bucket: KV,
  ) {}

  /**
   * The newest policy of a group; `null`: its devices follow the thresholds of their bundles.
   * @throws OfframpError `CONFIG_INVALID` for an invalid name, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`
   */
  async get(group: string): Promise<PolicyView | null> {
    return (await this.newest(group)).policy;
  }

  /**
   * Sets a new policy, or finds the one that was set with the same request ID.
   * @throws OfframpError `POLICY_CONFLICT` if the newest does not have the expected number, `POLICY_INVALID` if thresholds should
   *   stay and there are none, `OUTCOME_UNKNOWN`, and as {@link get}
   */
  set(policy: NewPolicy): Promise<PolicyView> {
    const { group, author, reason, expectedVersion, requestId } = policy;
    return untilStored(`the policy of group ${group}`, async () => {
      const newest = await this.newest(group);
      const made = await this.setUnder(requestId, group, newest.policy);
      if (made) return made;
      if (expectedVersion !== 0 && expectedVersion !== newest.version) {
        throw new OfframpError('POLICY_CONFLICT', conflictMessage(group, expectedVersion, newest), {
          hint: 'Check `offramp fleet policy history`, and set it again if you still want it.',
        });
      }
      const version = newest.version + 1;
      const content = { ...contentOf(policy, newest.policy), group, version, author, reason };
      const revision = await this.compareAndSet(group, encode(content, requestId), newest.revision);
      return revision === null ? null : this.stored(group, version, revision);
    });
  }

  private async setUnder(requestId: string, group: string, newest: PolicyView | null) {
    if (newest?.requestId === requestId) return newest;
    return (await this.history(group)).findLast((policy) => policy.requestId === requestId) ?? null;
  }

  /** Reads a policy that has just been stored. */
  private async stored(group: string, version: number, revision: number): Promise<PolicyView> {
    const entry = await this.call(() => this.bucket.get(group, { revision })).catch((cause: unknown) => {
      throw outcomeUnknown(`policy ${version} of group ${group} cannot be read: ${messageOf(cause)}`, cause);
    });
    if (entry) return readPolicy(group, entry.value, entry.created);
    throw new OfframpError('POLICY_CONFLICT', `policy ${version} of group ${group} was deleted immediately`);
  }

  /**
   * Stores a complete policy, including its number. Can be repeated by any controller: it is stored once.
   * @param previousRevision expected revision of the key, see {@link newest}; 0: there is no such key
   * @returns the bucket's content afterwards
   * @throws OfframpError `POLICY_INVALID` for more exceptions than devices accept, and as {@link get}
   */
  async put(policy: PolicyContent, previousRevision: number): Promise<PutResult> {
    const { group, version, exceptions } = policy;
    if (exceptions.length > maxPolicyExceptions) {
      throw new OfframpError(
        'POLICY_INVALID',
        `group ${group}: expected at most ${maxPolicyExceptions} exceptions, found ${exceptions.length}`,
      );
    }
    const bytes = encode(policy);
    let newest = await this.newest(group);
    // A widened or promoted canary is the same policy for more devices.
    const goesOn = newest.version < version || (newest.version === version && newest.policy?.canary);
    if (newest.revision === previousRevision && goesOn) {
      const put = await this.compareAndSet(group, bytes, previousRevision);
      newest = await this.newest(group);
      if (put !== null) return { ...newest, outcome: 'put' };
    }
    if (newest.version < version) return { ...newest, outcome: 'moved' };
    const before = (await this.history(group)).filter((other) => other.version === version);
    const present = before.some((other) => Buffer.compare(encode(other), bytes) === 0);
    return { ...newest, outcome: present ? 'present' : 'version-taken' };
  }

  /**
   * The kept policies of a group, oldest first.
   * @throws OfframpError as {@link get}
   */
  async history(group: string): Promise<PolicyView[]> {
    const entries = await this.entries(checkName('group', group));
    return entries.map((entry) => tryReadPolicy(group, entry)).filter((policy) => policy !== null);
  }

  /**
   * The newest policy of a group, with the revision for compare-and-set.
   * @throws OfframpError as {@link get}
   */
  async newest(group: string): Promise<NewestPolicy> {
    checkName('group', group);
    const entry = await this.call(() => this.bucket.get(group));
    if (!entry) return { policy: null, version: 0, revision: 0 };
    const policy = tryReadPolicy(group, entry);
    if (policy) return { policy, version: policy.version, revision: entry.revision };
    // Deleted, or overwritten with something else. Numbering continues.
    const versions = (await this.history(group)).map(({ version }) => version);
    return { policy: null, version: Math.max(0, ...versions), revision: entry.revision };
  }

  /** @returns the new revision; `null` if the key has changed */
  private compareAndSet(group: string, value: Uint8Array, previousSeq: number): Promise<number | null> {
    return this.call(() => compareAndSet(this.bucket, group, value, previousSeq));
  }

  private entries(group: string): Promise<KvEntry[]> {
    return this.call(async () => {
      const found: KvEntry[] = [];
      const history = await this.bucket.history({ key: group });
      const late = NatsError.errorForCode(ErrorCode.Timeout);
      const deadline = setTimeout(() => history.stop(late), historyDeadlineMs);
      try {
        // During concurrent writes, nats.js can also return items that are not entries.
        for await (const entry of history) if (entry) found.push(entry);
      } finally {
        clearTimeout(deadline);
      }
      return found;
    });
  }

  private async call<T>(use: () => Promise<T>): Promise<T> {
    try {
      return await use();
    } catch (cause) {
      throw jetStreamError(this.bus, cause);
    }
  }
}

function conflictMessage(group: string, expected: number, { policy, version }: NewestPolicy): string {
  const by = policy?.author ? `, set by ${policy.author}` : '';
  return `group ${group}: expected policy ${expected} to be the newest, found ${version === 0 ? 'none' : `${version}${by}`}`;
}

/** The content of a new policy, with unchanged fields of the previous one. */
function contentOf(
  policy: NewPolicy,
  newest: PolicyView | null,
): Omit<PolicyContent, 'group' | 'version' | 'author' | 'reason'> {
  const before = newest?.canary?.stable ?? newest;
  const keepsThresholds = policy.thresholds === null;
  if (keepsThresholds && !before?.thresholds.length) {
    throw new OfframpError(
      'POLICY_INVALID',
      newest
        ? `most devices of group ${policy.group} follow the thresholds of their bundle, so there are none to keep`
        : `group ${policy.group} has no policy yet, so there are no thresholds to keep`,
      { hint: 'Give thresholds as well.' },
    );
  }
  const exceptions = keepsThresholds ? (newest?.exceptions ?? []) : [];
  return {
    thresholds: [...(policy.thresholds ?? before?.thresholds ?? [])],
    bundleDigest: keepsThresholds ? (before?.bundleDigest ?? null) : policy.bundleDigest,
    auditRate: policy.auditRate ?? before?.auditRate ?? 0,
    maxAuditBytesPerHour:
      policy.maxAuditBytesPerHour ?? before?.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
    latencyTargetMs: newest?.latencyTargetMs ?? null,
    canary: null,
    exceptions: exceptions.map((exception) => ({
      ...exception,
      auditRate: policy.auditRate ?? exception.auditRate,
    })),
  };
}

const encode = (policy: PolicyContent, requestId = ''): Uint8Array =>
  v1.Policy.encode({ ...writePolicyMessage(policy), requestId }).finish();

function readPolicy(group: string, value: Uint8Array, setAt: Date): PolicyView {
  const message = v1.Policy.decode(value);
  return { ...readPolicyMessage(message), group, setAt, requestId: message.requestId };
}

/** `null` for a deletion marker, and for bytes that are not a policy of this group. */
function tryReadPolicy(group: string, entry: KvEntry): PolicyView | null {
  if (entry.operation !== 'PUT') return null;
  try {
    const policy = readPolicy(group, entry.value, entry.created);
    return policy.version > 0 ? policy : null;
  } catch {
    return null;
  }
}
