import type { Logger } from '@offramp/runtime';
import type { LeaderStatus, WorkerStatus } from '../decide/model/fleet-control.js';
import type { EvidenceRegister } from '../ingest/evidence/evidence-register.js';
import type { FleetRegister } from '../ingest/register/fleet-register.js';
import type { WorkerRegister } from '../ingest/register/worker-register.js';
import type { BundleTables } from '../store/bundle-tables.js';
import type { ControlStore } from '../store/control-store.js';
import type { EventLog } from '../store/event-log.js';
import type { PolicyStore } from '../store/policy-store.js';
import { BundleOperations } from './bundles.js';
import { ChangeLog } from './change-log.js';
import { DeviceOperations } from './devices.js';
import { EventOperations } from './events.js';
import { GoalOperations } from './goals.js';
import { GroupOperations } from './groups.js';
import { PolicyOperations } from './policies.js';

/** The parts that operations use. */
export interface OperationsParts {
  register: FleetRegister;
  evidence: EvidenceRegister;
  workers: WorkerRegister;
  policies: PolicyStore;
  store: ControlStore;
  events: EventLog;
  bundles: BundleTables;
  /** Names of groups that have goals, a mode other than `auto`, or a policy. */
  controlled: { names(): Iterable<string> };
  lease: { readonly leader: LeaderStatus | null };
  logger: Logger;
  /** Milliseconds of the registers' clock. */
  now(): number;
}

/**
 * All queries and changes of a fleet, independent of the protocol; any instance of the controller can run them.
 * Each throws `CONFIG_INVALID` for an invalid name.
 */
export interface Operations {
  groups: GroupOperations;
  devices: DeviceOperations;
  policies: PolicyOperations;
  goals: GoalOperations;
  events: EventOperations;
  bundles: BundleOperations;
  workers(): WorkerStatus[];
  leader(): LeaderStatus | null;
}

export function createOperations(parts: OperationsParts): Operations {
  const changes = new ChangeLog(parts.logger);
  const groups = new GroupOperations(parts);
  return {
    groups,
    devices: new DeviceOperations(parts),
    policies: new PolicyOperations({ ...parts, changes }),
    goals: new GoalOperations({ ...parts, changes }),
    events: new EventOperations(parts.events, groups),
    bundles: new BundleOperations(parts.bundles, changes),
    workers: () => parts.workers.workers(parts.now()),
    leader: () => parts.lease.leader,
  };
}
