// Simulated devices' traffic with NATS, over few connections. Each device sends one report at a time, and repeats it until it is
// acknowledged. Policies arrive by the device's own `PolicyWatcher`, as on real agents, or by one for all devices of its group.
import { connectBus } from '@offramp/contracts';
import { createLogger, systemClock } from '@offramp/runtime';
import { Events } from 'nats';
import { PolicyWatcher } from '../../../../edge-agent/dist/policy/policy-watcher.js';

const publishTimeoutMs = 3_000;
const firstRetryMs = 250;
const maxRetryMs = 5_000;
/** As in agents. */
const refreshMs = 30_000;
/** Devices of one connection that start at the same time. */
const startsAtOnce = 50;

export class FleetLink {
  /** Acknowledged reports, and attempts without acknowledgement. */
  acknowledged = 0;
  failed = 0;
  #lanes = [];
  #deliver;
  #sending = new Map();
  #lastAcknowledged = new Map();
  /** By group: the newest policy that its watch has delivered, as bytes. */
  #newest = new Map();
  #closed = false;

  /**
   * @param url of the NATS server
   * @param options.connections shared among the devices
   * @param options.ownWatch whether a device has its own watch, by its number
   * @param options.deliver called with a device and the bytes of a policy that has reached it
   */
  static async open(
    url,
    devices,
    { connections = 1, ownWatch = () => false, deliver = (device, bytes) => device.offer(bytes) } = {},
  ) {
    const link = new FleetLink(deliver);
    await Promise.all(
      Array.from({ length: connections }, (_, lane) => {
        const onLane = (i) => i % connections === lane;
        return link.#openLane(
          url,
          devices.filter((__, i) => onLane(i)),
          followersByGroup(devices, onLane, ownWatch),
        );
      }),
    );
    return link;
  }

  constructor(deliver) {
    this.#deliver = deliver;
    this.laneOf = new Map();
  }

  /** One of the connections, for requests. */
  get bus() {
    return this.#lanes[0].bus;
  }

  /** Sends a device's waiting reports; settles when they are acknowledged, or when the device cannot reach NATS. */
  send(device) {
    const sending =
      this.#sending.get(device) ?? this.#sendAll(device).finally(() => this.#sending.delete(device));
    this.#sending.set(device, sending);
    return sending;
  }

  /** A device can reach NATS again: it receives the newest policy, and sends the reports it kept. */
  heal(device) {
    device.partitioned = false;
    this.tellNewest(device);
    return this.send(device);
  }

  /** Delivers what a watch delivers first, for a device that has restarted. */
  tellNewest(device) {
    const newest = this.#newest.get(device.group);
    if (newest) this.#offer(device, newest);
  }

  /** Publishes a device's last acknowledged report again, so that NATS takes it for a new one. @returns whether there is one */
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
    for (const { watchers } of this.#lanes) for (const watcher of watchers) watcher.stop();
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
      // After a new boot the acknowledgement has no receiver.
      if (device.books === books) device.acknowledge(report);
    }
  }

  async #openLane(url, devices, followers) {
    const bus = await connectBus({ url, name: 'offramp-fleet' });
    const watchers = followers.map((follower) => this.#watcherOf(follower));
    const lane = { bus, watchers };
    this.#lanes.push(lane);
    for (const device of devices) this.laneOf.set(device, lane);
    this.#followConnection(lane);
    const pending = [...watchers];
    const startNext = async () => {
      for (let next = pending.pop(); next; next = pending.pop()) {
        next.onUp(bus);
        await next.firstRead();
      }
    };
    await Promise.all(Array.from({ length: startsAtOnce }, startNext));
  }

  #watcherOf({ group, devices }) {
    const logger = createLogger('fleet', 'silent');
    return new PolicyWatcher({ group, refreshMs }, systemClock, Math.random, logger, (bytes) => {
      this.#newest.set(group, bytes);
      for (const device of devices) this.#offer(device, bytes);
    });
  }

  #offer(device, bytes) {
    if (!device.partitioned) this.#deliver(device, bytes);
  }

  async #followConnection({ bus, watchers }) {
    for await (const { type } of bus.status()) {
      if (this.#closed) return;
      for (const watcher of watchers) {
        if (type === Events.Disconnect) watcher.onDown();
        else if (type === Events.Reconnect) watcher.onUp(bus);
      }
    }
  }
}

/** What one connection watches: a key for each device with its own watch, and one for the other devices of a group. */
function followersByGroup(devices, onLane, ownWatch) {
  const alone = [];
  const shared = new Map();
  for (const [i, device] of devices.entries()) {
    if (!onLane(i)) continue;
    const { group } = device;
    if (ownWatch(i)) alone.push({ group, devices: [device] });
    else if (shared.has(group)) shared.get(group).devices.push(device);
    else shared.set(group, { group, devices: [device] });
  }
  return [...alone, ...shared.values()];
}
