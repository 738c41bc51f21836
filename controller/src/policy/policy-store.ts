import {
  checkName,
  defaultMaxAuditBytesPerHour,
  jetStreamError,
  maxPolicyExceptions,
  OfframpError,
  v1,
} from '@offramp/shared';
import { ErrorCode, type KV, type KvEntry, type NatsConnection, NatsError } from 'nats';
import { compareAndSet } from '../compare-and-set.js';
import { type PolicyContent, type PolicyView, readPolicyMessage, writePolicyMessage } from './policy-view.js';

/**
 * What a person gives a group, all of it. Where the newest policy is a canary, that ends, and what is to stay is as in its
 * stable policy: nobody has found the other one good yet.
 */
export interface NewPolicy {
  group: string;
  /** `null`: as before, those of devices that are excepted as well; else there are no exceptions any more. */
  thresholds: readonly number[] | null;
  /** `null`: as before, or none. */
  auditRate: number | null;
  /** `null`: as before, or what devices take without. */
  maxAuditBytesPerHour: number | null;
  author: string;
  reason: string;
  /** The number that the newest policy must have; 0: whichever. */
  expectedVersion: number;
}

/** What the bucket holds of a group. */
export interface NewestPolicy {
  /** `null` where the group has none, or it was deleted. */
  policy: PolicyView | null;
  /** The highest number ever given; 0: none. */
  version: number;
  /** Of the key in the bucket, for compare and set; 0: there is no such key. */
  revision: number;
}

/** What became of a policy that was put; the rest is what the bucket holds afterwards, which may be newer already. */
export interface PutResult extends NewestPolicy {
  outcome: PutOutcome;
}

export type PutOutcome =
  /** It has become the newest policy. */
  | 'put'
  /** The bucket had it already: somebody put it before. */
  | 'present'
  /** The group has another policy of this number, or has had higher numbers without it. */
  | 'version-taken'
  /** The key has another revision than was expected; the number is free. */
  | 'moved';

const maxSetAttempts = 32;
const historyDeadlineMs = 5_000;

/**
 * The policies of all groups, in the key-value bucket that devices follow. Numbers are given by compare
 * and set, so that however many set policies at once, through whichever controller, no number is given twice.
 */
export class PolicyStore {
  constructor(
    private readonly bus: NatsConnection,
    private readonly bucket: KV,
  ) {}

  /**
   * The newest policy of a group; `null`: its devices follow the thresholds of their bundles.
   * @throws OfframpError `CONFIG_INVALID` for a name that is none, `NATS_UNAVAILABLE`, `JETSTREAM_UNAVAILABLE`
   */
  async get(group: string): Promise<PolicyView | null> {
    return (await this.newest(group)).policy;
  }

  /**
   * Gives a group a new policy.
   * @throws OfframpError `POLICY_CONFLICT` if the newest has not the expected number, `POLICY_INVALID` if thresholds are to
   *   stay as they are and there are none, and as {@link get}
   */
  async set(policy: NewPolicy): Promise<PolicyView> {
    const { group, author, reason, expectedVersion } = policy;
    for (let attempt = 0; attempt < maxSetAttempts; attempt++) {
      const newest = await this.newest(group);
      if (expectedVersion !== 0 && expectedVersion !== newest.version) {
        throw new OfframpError('POLICY_CONFLICT', conflictMessage(group, expectedVersion, newest), {
          hint: 'Look at `offramp fleet policy history`, and set it again if it is still what you want.',
        });
      }
      const version = newest.version + 1;
      const content = { ...contentOf(policy, newest.policy), group, version, author, reason };
      const revision = await this.compareAndSet(group, encode(content), newest.revision);
      if (revision === null) continue;
      const entry = await this.call(() => this.bucket.get(group, { revision }));
      if (!entry) {
        throw new OfframpError('POLICY_CONFLICT', `policy ${version} of group ${group} was deleted at once`);
      }
      return readPolicy(group, entry.value, entry.created);
    }
    throw new OfframpError(
      'POLICY_CONFLICT',
      `others kept setting the policy of group ${group}; gave up after ${maxSetAttempts} attempts`,
    );
  }

  /**
   * Puts a policy that is decided to the last bit, its number included. May be done again, by whomever: it is put once.
   * @param previousRevision that the key has before, see {@link newest}; 0: there is no such key
   * @returns what the bucket holds afterwards
   * @throws OfframpError `POLICY_INVALID` for more exceptions than devices take, and as {@link get}
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
    // A canary that goes further, or ends well, is the same policy for more devices.
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
   * The policies of a group that the bucket remembers, oldest first.
   * @throws OfframpError as {@link get}
   */
  async history(group: string): Promise<PolicyView[]> {
    const entries = await this.entries(checkName('group', group));
    return entries.map((entry) => tryReadPolicy(group, entry)).filter((policy) => policy !== null);
  }

  /**
   * The newest policy of a group, with what compare and set needs.
   * @throws OfframpError as {@link get}
   */
  async newest(group: string): Promise<NewestPolicy> {
    checkName('group', group);
    const entry = await this.call(() => this.bucket.get(group));
    if (!entry) return { policy: null, version: 0, revision: 0 };
    const policy = tryReadPolicy(group, entry);
    if (policy) return { policy, version: policy.version, revision: entry.revision };
    // Deleted, or overwritten with something else. The numbers go on from where they were.
    const versions = (await this.history(group)).map(({ version }) => version);
    return { policy: null, version: Math.max(0, ...versions), revision: entry.revision };
  }

  /** @returns the new revision; `null` if the key has another one by now */
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
        for await (const entry of history) found.push(entry);
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

/** What a new policy says, and what it keeps of the one before. */
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
    bundleDigest: keepsThresholds ? (before?.bundleDigest ?? null) : null,
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

const encode = (policy: PolicyContent): Uint8Array => v1.Policy.encode(writePolicyMessage(policy)).finish();

function readPolicy(group: string, value: Uint8Array, setAt: Date): PolicyView {
  return { ...readPolicyMessage(v1.Policy.decode(value)), group, setAt };
}

/** `null` for a mark of deletion, and for what is no policy of this group. */
function tryReadPolicy(group: string, entry: KvEntry): PolicyView | null {
  if (entry.operation !== 'PUT') return null;
  try {
    const policy = readPolicy(group, entry.value, entry.created);
    return policy.version > 0 ? policy : null;
  } catch {
    return null;
  }
}
