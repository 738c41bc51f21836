import type { Clock } from '@offramp/shared';
import type { FleetActivity } from '../activity/fleet-activity.js';
import type { FleetControl } from '../control/fleet-control.js';
import type { DevicePresence, FleetRegister } from '../register/fleet-register.js';
import { type GroupControl, viewGroup } from './fleet-view.js';
import type { ApiGroup } from './schemas/index.js';

/** What the controller knows of groups, put together. */
export class FleetReader {
  constructor(
    readonly register: FleetRegister,
    readonly activity: FleetActivity,
    readonly control: FleetControl,
    private readonly clock: Clock,
  ) {}

  get nowMs(): number {
    return this.clock.now();
  }

  presence(group: string): DevicePresence[] {
    return [...this.register.presence(group, this.nowMs)];
  }

  async controlOf(group: string): Promise<GroupControl> {
    const [status, goals] = await Promise.all([this.control.status(group), this.control.goals(group)]);
    return { status, goals };
  }

  async group(group: string): Promise<ApiGroup> {
    return viewGroup(group, this.presence(group), this.activity, await this.controlOf(group));
  }
}
