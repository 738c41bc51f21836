// An operator's actions, and the state and events that controllers store.

import { eventStream, openControlBucket, v1 } from '@offramp/contracts';
import { ControllerClient } from '@offramp/controller';
import { ControlStore } from '../../../../controller/dist/store/control-store.js';

const requestTimeoutMs = 10_000;

export class ControlClient {
  #bus;
  #store;
  #client;

  static async open(bus) {
    return new ControlClient(bus, new ControlStore(bus, await openControlBucket(bus)));
  }

  constructor(bus, store) {
    this.#bus = bus;
    this.#store = store;
    this.#client = new ControllerClient(bus, { timeoutMs: requestTimeoutMs });
  }

  /** @param goals see `Goal` of the tuner, the most important one first */
  async setGoals(group, goals) {
    await this.#client.setGoals(group, goals, { author: 'bench', reason: '', expectedRevision: 0 });
  }

  /** The stored state of a group, see `GroupState`; `null` if there is none. */
  async stateOf(group) {
    const { stored } = await this.#store.state(group);
    return stored?.state ?? null;
  }

  /** All events of all groups in order, each with its number in the stream; `at` in milliseconds since 1970. */
  async events() {
    const { state } = await (await this.#bus.jetstreamManager()).streams.info(eventStream);
    return readStream(this.#bus, eventStream, state, ({ data, info }) => {
      const { group, device, kind, text, policyVersion, thresholds } = v1.FleetEvent.decode(data);
      const at = info.timestampNanos / 1e6;
      return { sequence: info.streamSequence, at, group, device, kind, text, policyVersion, thresholds };
    });
  }
}

/**
 * The messages of a stream from the first to the current last one.
 * @param state of the stream
 * @param read maps a message to what is returned
 */
export async function readStream(bus, stream, state, read) {
  if (state.messages === 0) return [];
  const consumer = await bus.jetstream().consumers.get(stream);
  const found = [];
  for await (const message of await consumer.consume({ max_messages: 1_000 })) {
    const { streamSequence } = message.info;
    if (streamSequence <= state.last_seq) found.push(read(message));
    if (streamSequence >= state.last_seq) break;
  }
  return found;
}
