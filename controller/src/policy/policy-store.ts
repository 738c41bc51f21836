import {
  checkName,
  defaultMaxAuditBytesPerHour,
  jetStreamError,
  OfframpError,
  type PolicyMessage,
  v1,
} from '@offramp/shared';
import { ErrorCode, type KV, type KvEntry, type NatsConnection, NatsError } from 'nats';
import { shortestDecimal } from '../shortest-decimal.js';

/** A policy of a group; the fields are those of `Policy` in `fleet.proto`. */
export interface PolicyView {
  group: string;
  /** Counted up by one from 1. */
  version: number;
  thresholds: number[];
  /** Empty: nobody said. */
  author: string;
  reason: string;
  /** Share of samples that devices audit, in [0, 1]. */
  auditRate: number;
  /** Bytes that audits of one device may send in an hour. */
  maxAuditBytesPerHour: number;
  /** By the NATS server's clock. */
  setAt: Date;
}

export interface NewPolicy {
  group: string;
  /** `null`: as in the newest policy. */
  thresholds: readonly number[] | null;
  /** `null`: as in the newest policy, or none. */
  auditRate: number | null;
  /** `null`: as in the newest policy, or what devices take without. */
  maxAuditBytesPerHour: number | null;
  author: string;
  reason: string;
  /** The number that the newest policy must have; 0: whichever. */
  expectedVersion: number;
}

interface Newest {
  /** `null` where the group has none, or it was deleted. */
  policy: PolicyView | null;
  /** The highest number ever given; 0: none. */
  version: number;
  /** Of the key in the bucket; 0: there is no such key. */
  revision: number;
}

const maxSetAttempts = 32;
const historyDeadlineMs = 5_000;
const wrongLastSequence = 10071;

/**
 * The policies of all groups, in the key-value bucket that devices watch. Numbers are given by compare
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
      const message: PolicyMessage = { group, version, ...contentOf(policy, newest.policy), author, reason };
      const revision = await this.put(group, v1.Policy.encode(message).finish(), newest.revision);
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
   * The policies of a group that the bucket remembers, oldest first.
   * @throws OfframpError as {@link get}
   */
  async history(group: string): Promise<PolicyView[]> {
    const entries = await this.entries(checkName('group', group));
    return entries.map((entry) => tryReadPolicy(group, entry)).filter((policy) => policy !== null);
  }

  private async newest(group: string): Promise<Newest> {
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
  private async put(group: string, value: Uint8Array, previousSeq: number): Promise<number | null> {
    return this.call(async () => {
      try {
        return await this.bucket.put(group, value, { previousSeq });
      } catch (error) {
        if (error instanceof NatsError && error.api_error?.err_code === wrongLastSequence) return null;
        throw error;
      }
    });
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

function conflictMessage(group: string, expected: number, { policy, version }: Newest): string {
  const by = policy?.author ? `, set by ${policy.author}` : '';
  return `group ${group}: expected policy ${expected} to be the newest, found ${version === 0 ? 'none' : `${version}${by}`}`;
}

/** What a new policy says, and what it keeps of the one before. */
function contentOf(policy: NewPolicy, before: PolicyView | null): PolicyMessage {
  const thresholds = policy.thresholds ?? before?.thresholds;
  if (!thresholds) {
    throw new OfframpError(
      'POLICY_INVALID',
      `group ${policy.group} has no policy yet, so there are no thresholds to keep`,
      { hint: 'Give thresholds as well.' },
    );
  }
  return {
    thresholds: [...thresholds],
    auditRate: policy.auditRate ?? before?.auditRate ?? 0,
    maxAuditBytesPerHour:
      policy.maxAuditBytesPerHour ?? before?.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
  };
}

function readPolicy(group: string, value: Uint8Array, setAt: Date): PolicyView {
  return { ...readPolicyMessage(v1.Policy.decode(value)), group, setAt };
}

/** Fills in what proto3, or a policy of old, leaves out. */
export function readPolicyMessage(message: PolicyMessage): Omit<PolicyView, 'setAt'> {
  return {
    group: message.group ?? '',
    version: message.version ?? 0,
    thresholds: (message.thresholds ?? []).map(shortestDecimal),
    author: message.author ?? '',
    reason: message.reason ?? '',
    auditRate: shortestDecimal(message.auditRate ?? 0),
    maxAuditBytesPerHour: message.maxAuditBytesPerHour ?? defaultMaxAuditBytesPerHour,
  };
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
