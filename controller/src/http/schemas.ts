import { z } from 'zod';
import { goalListSchema, goalSchema } from '../control/goals-schema.js';

/** The shapes that the API takes and gives. Requests are validated by them, and `/openapi.json` is generated from them. */
export const apiSchemas = z.registry<{ id: string }>();

const named = <T extends z.ZodType>(id: string, schema: T): T => {
  apiSchemas.add(schema, { id });
  return schema;
};

const maxThresholds = 255;
const share = z.number().min(0).max(1);
const count = z.number().int().min(0);
const instant = z.iso.datetime();
const threshold = z.number().min(0).describe('0 always exits; anything above 1 never does');
const thresholds = z.array(threshold).max(maxThresholds).describe('One per branch');
const exitCounts = z.array(count).describe('One per exit; the final exit last');

export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "expected 1 to 64 letters, digits, '_' or '-'");
const author = z.string().max(100).default('').describe('Who wants it');
const reason = z.string().max(500).default('').describe('Why');

named('Goal', goalSchema);

export const modeSchema = named('ControlMode', z.enum(['auto', 'pinned', 'frozen']));

export const goalsSchema = named(
  'GroupGoals',
  z.object({
    group: nameSchema,
    goals: z.array(goalSchema).describe('The most important one first'),
    mode: modeSchema,
    revision: count.describe('For compare and set; 0: nothing was set'),
    author: z.string(),
    reason: z.string(),
    setAt: instant.nullable(),
  }),
);

export const putGoalsSchema = named(
  'PutGoals',
  z.strictObject({
    goals: goalListSchema.describe('The most important one first; each kind once at most'),
    author,
    reason,
    expectedRevision: count.default(0).describe('Take effect only on this revision; 0: whatever it is'),
  }),
);

export const putModeSchema = named('PutMode', z.strictObject({ mode: modeSchema, author, reason }));

export const postPolicySchema = named(
  'PostPolicy',
  z.strictObject({
    thresholds: z
      .array(threshold)
      .min(1)
      .max(maxThresholds)
      .optional()
      .describe('One per branch, or a single one for every branch; absent: as they are'),
    auditRate: share.optional().describe('Share of samples that are audited; absent: as it is'),
    maxAuditBytesPerHour: count.optional().describe('Of one device; absent: as it is'),
    author,
    reason,
    expectedVersion: count
      .default(0)
      .describe('Take effect only if the newest policy has this number; 0: whatever it is'),
  }),
);

export const postRollbackSchema = named(
  'PostRollback',
  z.strictObject({ version: z.number().int().min(1), author, reason }),
);

export const policySchema = named(
  'Policy',
  z.object({
    group: nameSchema,
    version: count,
    thresholds,
    auditRate: share,
    maxAuditBytesPerHour: count,
    latencyTargetMs: z.number().nullable().describe('Answers that take longer are counted as late'),
    canaryShare: share.nullable().describe('Of devices that follow it; null: all do'),
    exceptions: z.array(z.string()).describe('Devices with thresholds of their own'),
    author: z.string(),
    reason: z.string(),
    setAt: instant,
    changes: z
      .array(z.object({ field: z.string(), before: z.string().nullable(), after: z.string() }))
      .describe('Against the policy before it; `before` is null in the first that is remembered'),
  }),
);
export const policiesSchema = named(
  'Policies',
  z.object({
    policies: z
      .array(policySchema)
      .describe('The newest first; one that was tried on ever more devices is here once for each time'),
  }),
);

const factsSchema = named(
  'TuningFacts',
  z.object({
    agreement: share,
    agreementBound: share.describe('Agreement is at least this, with 95 % certainty'),
    provenBy: z.enum(['table', 'audits']),
    cost: z.number().min(0).describe("Share of the whole model's multiply-accumulates"),
    offloadShare: share,
    exitShares: z.array(share),
    samples: z.number().min(0),
    records: z.number().min(0),
    tableSamples: z.number().min(0),
  }),
);

const driftSchema = named(
  'Drift',
  z.union([
    z.object({ kind: z.literal('confidence'), samples: z.number(), distance: share }),
    z.object({
      kind: z.literal('agreement'),
      samples: z.number(),
      audited: z.number(),
      disagreed: z.number(),
    }),
  ]),
);

const canarySchema = named(
  'Canary',
  z.object({ policyVersion: count, share, samples: count, stableThresholds: thresholds }),
);

export const statusSchema = named(
  'GroupStatus',
  z.object({
    group: nameSchema,
    mode: modeSchema,
    bundleDigest: z.string().nullable(),
    policyVersion: count.describe('0: none was set'),
    thresholds,
    auditRate: share,
    decidedAt: instant.nullable(),
    decision: z
      .object({
        reason: z.enum([
          'no-goal',
          'too-little-evidence',
          'drift',
          'not-proven',
          'over-ceiling',
          'cheaper',
          'safer',
          'aligned',
          'good-enough',
        ]),
        certainty: z.enum(['steady', 'settling', 'uncertain']),
        tableTrusted: z.boolean(),
        drift: driftSchema.nullable(),
        facts: factsSchema,
        unmet: z.array(z.string()),
      })
      .nullable(),
    canary: canarySchema.nullable(),
    exceptions: z.array(z.object({ device: z.string(), distance: share, thresholds })),
    explanation: z.array(z.string()),
    problem: z.string().nullable(),
  }),
);

export const activitySchema = named(
  'Activity',
  z.object({
    windowMs: z.number().min(0).describe('How far back it reaches: five minutes, less at first'),
    samples: count,
    exits: exitCounts,
    offloaded: count,
    degraded: count,
    refusedByWorker: count.describe('Those of `degraded` that a worker refused'),
    refused: count,
    failed: count,
    offloadBytes: count,
    bytesSaved: count.describe('Against sending every sample, at the mean size of those that were sent'),
    audited: count,
    auditsAgreed: count,
    latencyP50Ms: z.number().nullable(),
    latencyP99Ms: z.number().nullable(),
  }),
);

export const groupSchema = named(
  'Group',
  z.object({
    group: nameSchema,
    devices: count,
    online: count,
    bundles: z.array(z.string()).describe('Names of the bundles that devices report'),
    activity: activitySchema,
    status: statusSchema.nullable().describe('Null while it cannot be read'),
    goals: goalsSchema.nullable(),
  }),
);
const next = z.string().nullable().describe('Where the next page goes on: `after`; null: this was the last');
export const groupsSchema = named(
  'Groups',
  z.object({ groups: z.array(groupSchema).describe('By name'), next }),
);

const windowSchema = named(
  'Window',
  z.object({
    samples: count,
    exits: exitCounts,
    offloaded: count,
    degraded: count,
    refused: count,
    failed: count,
    labelled: count,
    correct: count,
    offloadBytes: count,
    deviceMacs: count,
    cloudMacs: count,
    agreement: z.array(z.object({ compared: count, agreed: count })),
    encodings: z.array(z.object({ encoding: count, samples: count, bytes: count })),
    audited: count,
    auditsAgreed: count,
    auditsDropped: count,
    auditBytes: count,
  }),
);

export const deviceStandingSchema = z.enum([
  'ok',
  'canary',
  'apart',
  'behind',
  'degraded',
  'failing',
  'offline',
]);

export const deviceSchema = named(
  'Device',
  z.object({
    device: z.string(),
    group: nameSchema,
    standing: deviceStandingSchema.describe(
      "offline; failing: it cannot follow its policy, or cannot answer; degraded: the cloud does not answer it; apart: it has thresholds of its own; canary; behind: it has not taken up its group's policy; ok",
    ),
    online: z.boolean(),
    lastSeenMsAgo: z.number().min(0),
    lifecycle: z.enum(['unknown', 'running', 'draining', 'stopped']),
    cloudLink: z.enum(['unknown', 'unused', 'connected', 'down']),
    agentVersion: z.string(),
    bundleName: z.string(),
    bundleDigest: z.string(),
    branches: count,
    deviceStages: count,
    policyVersion: count,
    newestPolicyVersion: count,
    policyError: z.string(),
    thresholds: z.array(z.number()),
    auditRate: z.number(),
    maxAuditBytesPerHour: count,
    total: windowSchema,
    latest: windowSchema,
    latestWindowMs: count,
    latencyP50Ms: z.number().describe('0 while nothing was answered'),
    latencyP99Ms: z.number(),
    reportsMissing: count,
    countedFromSequence: count,
    staleReports: count.describe(
      'That came lately from boots that another has followed; where they keep coming, two agents have one name',
    ),
  }),
);
export const devicesSchema = named(
  'Devices',
  z.object({
    devices: z.array(deviceSchema).describe('In the order of their groups, then their names'),
    next,
  }),
);

const histogram = z.array(count).describe('One entry a bin');
export const evidenceSchema = named(
  'Evidence',
  z.object({
    windowMs: z.number().min(0),
    binStarts: z.array(share),
    bundles: z.array(
      z.object({
        bundleDigest: z.string(),
        branches: count,
        policies: z.array(
          z.object({
            policyVersion: count,
            samples: count,
            degraded: count,
            offloaded: count,
            refusedByWorker: count.describe('Those of `degraded` that a worker refused'),
            left: exitCounts,
            late: exitCounts
              .nullable()
              .describe('Of `left`, those that took longer than wanted; null: no limit was'),
            auditsChosen: count,
            audited: count,
            auditedFinal: count,
            auditBytes: count,
            auditsDropped: z.object({ busy: count, budget: count, failed: count }),
            exits: z.array(
              z.object({ histogram, audits: z.object({ agreed: histogram, disagreed: histogram }) }),
            ),
            records: count,
            recordsDropped: count,
            latency: z.object({
              samples: count,
              p50Ms: z.number().nullable(),
              p95Ms: z.number().nullable(),
              p99Ms: z.number().nullable(),
            }),
          }),
        ),
      }),
    ),
  }),
);

export const deviceDetailSchema = named(
  'DeviceDetail',
  z.object({ device: deviceSchema, evidence: evidenceSchema }),
);

export const eventSchema = named(
  'Event',
  z.object({
    sequence: count,
    at: instant,
    group: z.string().describe('Empty for what is of no group'),
    device: z.string().describe('Empty for what is of no single device'),
    kind: z.enum([
      'goals-set',
      'mode-set',
      'policy',
      'canary',
      'widened',
      'promoted',
      'rolled-back',
      'drift',
      'goal-unmet',
      'goal-met',
      'degraded',
      'degraded-over',
      'device-deviates',
      'device-rejoined',
      'devices-silent',
      'devices-back',
      'workers-silent',
      'workers-back',
      'leader',
    ]),
    severity: z.enum(['info', 'warning']),
    text: z.string(),
    author: z.string(),
    policyVersion: count,
    thresholds: z.array(z.number()),
    explanation: z.array(z.string()),
    facts: factsSchema.nullable(),
  }),
);
export const eventsSchema = named(
  'Events',
  z.object({ events: z.array(eventSchema).describe('The newest first') }),
);

export const workerSchema = named(
  'Worker',
  z.object({
    worker: z.string(),
    utilisation: z.number().min(0).describe('Work that came over work that it can do'),
    queued: count,
    maxQueue: count,
    threads: count,
    answeredPerSecond: z.number().min(0),
    refusedPerSecond: z.number().min(0),
    streams: count,
    lastSeenMsAgo: z.number().min(0),
  }),
);
export const workersSchema = named('Workers', z.object({ workers: z.array(workerSchema) }));

export const leaderSchema = named(
  'Leader',
  z.object({ leader: z.object({ instance: z.string(), since: instant }).nullable() }),
);

export const healthSchema = named('Health', z.object({ status: z.string() }));

export const errorSchema = named(
  'Error',
  z.object({
    error: z.object({
      code: z.string().describe('Never changes its meaning'),
      message: z.string(),
      hint: z.string().optional(),
      retryAfterMs: z.number().optional(),
    }),
  }),
);

/** What the stream of server-sent events says: the names of its events, and the JSON of each. */
export const streamSchemas = {
  hello: named('StreamHello', z.object({ version: z.string() })),
  group: groupSchema,
  gone: named('StreamGone', z.object({ group: z.string() })),
  names: named(
    'StreamNames',
    z.object({ group: z.string(), devices: z.array(z.string()).describe('By name') }),
  ),
  standings: named(
    'StreamStandings',
    z.object({
      group: z.string(),
      standings: z
        .string()
        .describe(
          'A letter a device, in the order of `names`: o ok, c canary, a apart, b behind, d degraded, f failing, x offline',
        ),
    }),
  ),
  workers: workersSchema,
  controller: named(
    'StreamController',
    z.object({
      connected: z.boolean().describe('Whether this controller is connected to NATS'),
      leader: leaderSchema.shape.leader,
    }),
  ),
  event: eventSchema,
  reset: named('StreamReset', z.object({ reason: z.string() })),
} as const;

export type StreamMessages = { [Name in keyof typeof streamSchemas]: z.output<(typeof streamSchemas)[Name]> };

export type ApiGoal = z.output<typeof goalSchema>;
export type ApiGoals = z.output<typeof goalsSchema>;
export type ApiStatus = z.output<typeof statusSchema>;
export type ApiActivity = z.output<typeof activitySchema>;
export type ApiGroup = z.output<typeof groupSchema>;
export type ApiDevice = z.output<typeof deviceSchema>;
export type ApiEvidence = z.output<typeof evidenceSchema>;
export type ApiDeviceDetail = z.output<typeof deviceDetailSchema>;
export type ApiPolicy = z.output<typeof policySchema>;
export type ApiEvent = z.output<typeof eventSchema>;
export type ApiWorker = z.output<typeof workerSchema>;
export type DeviceStanding = z.output<typeof deviceStandingSchema>;
export type ControlModeName = z.output<typeof modeSchema>;
