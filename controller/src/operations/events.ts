import { checkName } from '@offramp/contracts';
import { OfframpError } from '@offramp/runtime';
import { type FleetEvent, fleetLabel } from '../decide/model/fleet-event.js';
import type { EventLog } from '../store/event-log.js';
import type { GroupOperations } from './groups.js';

/** Decisions and findings. */
export class EventOperations {
  constructor(
    private readonly log: Pick<EventLog, 'list' | 'onEvent'>,
    private readonly groups: Pick<GroupOperations, 'checkExists'>,
  ) {}

  /**
   * Newest first.
   * @param group empty: all groups; `fleet`: also those that concern no single group, as they are labelled
   * @param before only events with lower numbers; 0: all
   * @param after only events with higher numbers; 0: all
   * @throws OfframpError `NOT_FOUND` for an unknown group without events
   */
  async list(group: string, limit: number, before: number, after = 0): Promise<FleetEvent[]> {
    if (group) checkName('group', group);
    if (before > 0 && after > 0) {
      throw new OfframpError('REQUEST_INVALID', 'expected either before or after; found both');
    }
    const found = this.log.list(group, limit, before, after);
    const nothingEver = found.length === 0 && before === 0 && after === 0;
    if (nothingEver && group && group !== fleetLabel) await this.groups.checkExists(group);
    return found;
  }

  /** Calls back for each new event, until the returned function is called. */
  onEvent(listener: (event: FleetEvent) => void): () => void {
    return this.log.onEvent(listener);
  }
}
