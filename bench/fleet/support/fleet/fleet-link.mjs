// Simulated devices' traffic with NATS, over few connections. Each device's reports go one at a time, again until acknowledged;
// policies come by a watch of its own, as real agents have, or by one for all devices of its group.
import { connectBus, policyBucket } from '@offramp/shared';
import { Events } from 'nats';

const publishTimeoutMs = 3_000;
const firstRetryMs = 250;
const maxRetryMs = 5_000;
/** As in the agent's `PolicyWatcher`. */
const agentRefreshMs = 30_000;
/** Watches of one connection that are made at the same time. */
const watchesAtOnce = 50;

export class FleetLink {
  /** Reports that were acknowledged, and attempts that were not. */
  acknowledged = 0;
  failed = 0;
  #lanes;
  #refreshMs;
  #deliver;
  #sending = new Map();
  #lastAcknowledged = new Map();
  /** By group: the newest policy that its watch has brought, as bytes. */
  #newest = new Map();
  #closed = false;

  /**
   * @param url of the NATS server
   * @param options.connections devices share them in turns
   * @param options.ownWatch whether a device has a watch of its own, by its number
   * @param options.refreshMs how long a watch is kept before a new one takes its place
   * @param options.deliver given a device and the bytes of a policy that has reached it
   */
  static async open(
    url,
    devices,
    {
      connections = 1,
      ownWatch = () => false,
      refreshMs = agentRefreshMs,
      deliver = (device, bytes) => device.offer(bytes),
    } = {},
  ) {
    const lanes = await Promise.all(
      Array.from({ length: connections }, async (_, lane) => ({
        bus: await connectBus({ url, name: 'offramp-fleet' }),
        devices: devices.filter((__, i) => i % connections === lane),
        followers: followersByGroup(devices, (i) => i % connections === lane, ownWatch),
        ...{ generation: 0, bucket: null, refresh: null },
      })),
    );
    const link = new FleetLink(lanes, refreshMs, deliver);
    for (const lane of lanes) link.#rewatchOnReconnect(lane);
    await Promise.all(lanes.map((lane) => link.#watch(lane)));
    return link;
  }

  constructor(lanes, refreshMs, deliver) {
    this.#lanes = lanes;
    this.#refreshMs = refreshMs;
    this.#deliver = deliver;
    this.laneOf = new Map(lanes.flatMap((lane) => lane.devices.map((device) => [device, lane])));
  }

  /** One of the connections, for requests. */
  get bus() {
    return this.#lanes[0].bus;
  }

  /** Sends what a device has to send; settles when that has been acknowledged, or the device cannot reach NATS. */
  send(device) {
    const sending =
      this.#sending.get(device) ?? this.#sendAll(device).finally(() => this.#sending.delete(device));
    this.#sending.set(device, sending);
    return sending;
  }

  /** A device can reach NATS again: it is told the newest policy, and sends what it has kept. */
  heal(device) {
    device.partitioned = false;
    this.tellNewest(device);
    return this.send(device);
  }

  /** What a watch tells at first; for a device that has started anew. */
  tellNewest(device) {
    const newest = this.#newest.get(device.group);
    if (newest) this.#offer(device, newest);
  }

  /** Publishes a device's last acknowledged report again, as one that NATS cannot tell from news. @returns whether there is one */
  async repeat(device) {
    const report = this.#lastAcknowledged.get(device);
    if (!report) return false;
    await this.laneOf.get(device).bus.jetstream().publish(device.subject, report.bytes);
    return true;
  }

  /** Settles when all devices that can reach NATS have nothing left to send. */
  async flushed() {
    for (const device of this.laneOf.keys()) {
      while (!device.partitioned && device.backlog > 0) await this.send(device);
    }
  }

  async close() {
    this.#closed = true;
    for (const { refresh } of this.#lanes) clearInterval(refresh);
    await Promise.all(this.#lanes.map(({ bus }) => bus.close()));
  }

  async #sendAll(device) {
    const { bus } = this.laneOf.get(device);
    const jetStream = bus.jetstream();
    let retryMs = firstRetryMs;
    while (!this.#closed && !device.partitioned) {
      const { books } = device;
      const report = device.nextReport();
      if (!report) return;
      try {
        await jetStream.publish(device.subject, report.bytes, {
          msgID: report.messageId,
          timeout: publishTimeoutMs,
        });
      } catch {
        this.failed++;
        await new Promise((resolve) => setTimeout(resolve, retryMs));
        retryMs = Math.min(maxRetryMs, 2 * retryMs);
        continue;
      }
      this.acknowledged++;
      this.#lastAcknowledged.set(device, report);
      retryMs = firstRetryMs;
      // After a new boot there is nobody left to be told.
      if (device.books === books) device.acknowledge(report);
    }
  }

  /** Watches anew, as agents do when NATS was away. */
  async #watch(lane) {
    const generation = ++lane.generation;
    for (const follower of lane.followers) follower.watch?.stop();
    lane.bucket = await lane.bus.jetstream().views.kv(policyBucket, { bindOnly: true });
    const pending = [...lane.followers];
    const watchNext = async () => {
      for (let next = pending.pop(); next && generation === lane.generation; next = pending.pop()) {
        await this.#follow(lane, next);
      }
    };
    await Promise.all(Array.from({ length: watchesAtOnce }, watchNext));
    clearInterval(lane.refresh);
    let turn = 0;
    // One after the other, as those of devices that have not all started at the same time.
    lane.refresh = setInterval(
      () => {
        const next = lane.followers[turn++ % lane.followers.length];
        this.#follow(lane, next).catch(() => undefined);
      },
      Math.max(1, this.#refreshMs / lane.followers.length),
    );
  }

  async #follow(lane, follower) {
    const watch = await lane.bucket.watch({ key: follower.group });
    follower.watch?.stop();
    follower.watch = watch;
    this.#take(watch, follower);
  }

  async #take(watch, { group, devices }) {
    for await (const entry of watch) {
      if (entry.operation !== 'PUT') continue;
      this.#newest.set(group, entry.value);
      for (const device of devices) this.#offer(device, entry.value);
    }
  }

  #offer(device, bytes) {
    if (!device.partitioned) this.#deliver(device, bytes);
  }

  async #rewatchOnReconnect(lane) {
    for await (const status of lane.bus.status()) {
      if (status.type !== Events.Reconnect) continue;
      for (let done = false; !done && !this.#closed; ) {
        done = await this.#watch(lane).then(
          () => true,
          () => false,
        );
        if (!done) await new Promise((resolve) => setTimeout(resolve, firstRetryMs));
      }
    }
  }
}

/** What one connection watches: a key for each device with a watch of its own, one for the others of a group. */
function followersByGroup(devices, onLane, ownWatch) {
  const alone = [];
  const shared = new Map();
  for (const [i, device] of devices.entries()) {
    if (!onLane(i)) continue;
    const { group } = device;
    if (ownWatch(i)) alone.push({ group, devices: [device], watch: null });
    else if (shared.has(group)) shared.get(group).devices.push(device);
    else shared.set(group, { group, devices: [device], watch: null });
  }
  return [...alone, ...shared.values()];
}
