import type { Clock } from '@offramp/runtime';
import type { FleetActivity } from '../ingest/register/fleet-activity.js';
import type { DevicePresence, FleetRegister } from '../ingest/register/fleet-register.js';
import type { Operations } from '../operations/operations.js';
import { type GroupControl, viewGroup } from './fleet-view.js';
import type { ApiGroup } from './schemas/index.js';

/** Combines what the controller knows about groups. */
export class FleetReader {
  constructor(
    readonly register: FleetRegister,
    readonly activity: FleetActivity,
    readonly operations: Operations,
    private readonly clock: Clock,
  ) {}

  get nowMs(): number {
    return this.clock.now();
  }

  presence(group: string): DevicePresence[] {
    return [...this.register.presence(group, this.nowMs)];
  }

  async controlOf(group: string): Promise<GroupControl> {
    const [status, goals] = await Promise.all([
      this.operations.groups.status(group),
      this.operations.goals.get(group),
    ]);
    return { status, goals };
  }

  async group(group: string): Promise<ApiGroup> {
    return viewGroup(group, this.presence(group), this.activity, await this.controlOf(group));
  }
}
