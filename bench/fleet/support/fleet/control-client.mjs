// What an operator does, and what controllers have written down.
import { eventStream, openControlBucket, v1 } from '@offramp/shared';
import { DeliverPolicy } from 'nats';
import { ControlStore } from '../../../../controller/dist/control/control-store.js';

export class ControlClient {
  #bus;
  #store;

  static async open(bus) {
    return new ControlClient(bus, new ControlStore(bus, await openControlBucket(bus)));
  }

  constructor(bus, store) {
    this.#bus = bus;
    this.#store = store;
  }

  /** @param goals see `Goal` of the tuner, the most important one first */
  async setGoals(group, goals) {
    await this.#store.changeGoals(group, () => ({ goals, mode: 'auto', author: 'bench', reason: '' }));
  }

  /** What controllers have made of a group, see `GroupState`; `null`: nothing. */
  async stateOf(group) {
    const { stored } = await this.#store.state(group);
    return stored?.state ?? null;
  }

  /** All events of all groups, in their order, each with its number in the stream, `at` in milliseconds since 1970. */
  async events() {
    const { state } = await (await this.#bus.jetstreamManager()).streams.info(eventStream);
    return readStream(this.#bus, eventStream, state, (message) => ({
      ...v1.FleetEvent.decode(message.data),
      sequence: message.info.streamSequence,
      at: message.info.timestampNanos / 1e6,
    }));
  }
}

/**
 * The messages of a stream from the first to what is the last now.
 * @param state of the stream
 * @param read what is kept of each
 */
export async function readStream(bus, stream, state, read, subject) {
  if (state.messages === 0) return [];
  const consumer = await bus.jetstream().consumers.get(stream, {
    deliver_policy: DeliverPolicy.All,
    ...(subject === undefined ? {} : { filterSubjects: subject }),
  });
  const found = [];
  for await (const message of await consumer.consume({ max_messages: 1_000 })) {
    if (message.info.streamSequence <= state.last_seq) found.push(read(message));
    if (message.info.pending === 0 || message.info.streamSequence >= state.last_seq) break;
  }
  return found;
}
