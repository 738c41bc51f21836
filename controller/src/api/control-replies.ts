import { type ControllerEndpoint, checkName, OfframpError, v1 } from '@offramp/shared';
import { writeEvent } from '../control/event-messages.js';
import type { NatsControl } from '../control/nats-control.js';
import { readGoal, readMode, writeGoals, writeStatus } from './control-messages.js';

export type Reply = (data: Uint8Array) => Promise<Uint8Array>;

export const maxEventsPerReply = 500;

/**
 * What is answered about goals and what is made of them.
 * @param request turns bytes that cannot be read into an error of the asker's
 * @param maxReplyBytes that one message of NATS can hold
 */
export function controlReplies(
  control: NatsControl,
  request: <T>(decode: () => T) => T,
  maxReplyBytes: () => number,
): Partial<Record<ControllerEndpoint, Reply>> {
  return {
    async getGoals(data) {
      const { group } = request(() => v1.GetGoalsRequest.decode(data));
      return v1.GroupGoals.encode(writeGoals(await control.goals(checkName('group', group)))).finish();
    },
    async setGoals(data) {
      const { group, goals, author, reason, expectedRevision } = request(() =>
        v1.SetGoalsRequest.decode(data),
      );
      const by = { author, reason, expectedRevision };
      const set = await control.setGoals(checkName('group', group), goals.map(readGoal), by);
      return v1.GroupGoals.encode(writeGoals(set)).finish();
    },
    async setMode(data) {
      const { group, mode, author, reason } = request(() => v1.SetModeRequest.decode(data));
      const set = await control.setMode(checkName('group', group), readMode(mode), { author, reason });
      return v1.GroupGoals.encode(writeGoals(set)).finish();
    },
    async getStatus(data) {
      const { group } = request(() => v1.GetStatusRequest.decode(data));
      return v1.GroupStatus.encode(writeStatus(await control.status(checkName('group', group)))).finish();
    },
    async rollBack(data) {
      const { group, version, author, reason } = request(() => v1.RollBackRequest.decode(data));
      await control.rollBack(checkName('group', group), version, { author, reason });
      return v1.RollBackResponse.encode({}).finish();
    },
    async listEvents(data) {
      const { group, limit, before, after } = request(() => v1.ListEventsRequest.decode(data));
      if (before > 0 && after > 0)
        throw new OfframpError('USAGE', 'expected either before or after, found both');
      const most = Math.min(limit || maxEventsPerReply, maxEventsPerReply);
      const events =
        after > 0 ? control.eventsAfter(group, most, after) : await control.events(group, most, before);
      const encode = (count: number) =>
        v1.ListEventsResponse.encode({ events: events.slice(0, count).map(writeEvent) }).finish();
      let count = events.length;
      let bytes = encode(count);
      // Explanations may be long: who gets fewer asks on from where it ended.
      while (bytes.length > maxReplyBytes() && count > 1) {
        count = Math.ceil(count / 2);
        bytes = encode(count);
      }
      return bytes;
    },
  };
}
