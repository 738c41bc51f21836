// Running devices: each answers samples and ends windows at its own pace, over real NATS.
import { randomFrom } from '../random.mjs';
import { FleetLink } from './fleet-link.mjs';
import { SimulatedDevice } from './simulated-device.mjs';

const tickMs = 20;
const reportingMs = 2;

export class SimulatedFleet {
  /** Samples that each group has had, by its name. */
  samples = new Map();
  #options;
  #random;
  /** By device: begin and end of its window, the time up to which samples are answered, their outcomes, and how many are due. */
  #turns;
  #byGroup = new Map();
  /** Devices that have applied a policy, and end their windows because of it. */
  #toReport = [];
  #timer = null;
  #windowListeners = [];
  #policyListeners = [];

  /**
   * Makes devices and connects them; they run from `start` on.
   * @param options.url of the NATS server
   * @param options.seed of all that is random
   * @param options.bundle an open `Bundle`
   * @param options.groups `{ name, devices }`, `devices` being how many it has
   * @param options.cloud see `CloudModel`
   * @param options.trafficAt a device's traffic: (device, samples that its group has had) → see `trafficOf`
   * @param options.samplesPerSecond of a device
   * @param options.windowMs between a device's reports
   * @param options.link options of `FleetLink.open`
   */
  static async open(options) {
    const random = randomFrom(options.seed);
    const devices = options.groups.flatMap(({ name, devices: count }) =>
      Array.from({ length: count }, (_, i) => {
        const { bundle, cloud } = options;
        const own = randomFrom(random.integer(2 ** 31));
        return new SimulatedDevice({ bundle, cloud, group: name, device: `${name}-${i}`, random: own });
      }),
    );
    const fleet = new SimulatedFleet(options, random, devices);
    fleet.link = await FleetLink.open(options.url, devices, {
      ...options.link,
      deliver: (device, bytes) => fleet.#deliver(device, bytes),
    });
    return fleet;
  }

  constructor(options, random, devices) {
    this.#options = options;
    this.#random = random;
    this.devices = devices;
    this.#turns = new Map(devices.map((device) => [device, { outcomes: [], owed: 0 }]));
    for (const { name } of options.groups) {
      this.samples.set(name, 0);
      this.#byGroup.set(
        name,
        devices.filter(({ group }) => group === name),
      );
    }
  }

  get running() {
    return this.#timer !== null;
  }

  devicesOf(group) {
    return this.#byGroup.get(group);
  }

  /** @param listener called with a device, the outcomes of its window, and the window's length in milliseconds */
  onWindow(listener) {
    this.#windowListeners.push(listener);
  }

  /** @param listener called with a device, the bytes of a policy that reached it, and the `PolicyOffer` */
  onPolicy(listener) {
    this.#policyListeners.push(listener);
  }

  /** Devices' first windows end one after the other, so that reports are spread out. */
  start() {
    const now = performance.now();
    const { windowMs } = this.#options;
    [...this.#turns.values()].forEach((turn, i, { length }) => {
      turn.beganAt = turn.answeredAt = now;
      turn.dueAt = now + (windowMs * (i + 1)) / length;
    });
    this.#timer = setInterval(() => this.#tick(performance.now()), tickMs);
  }

  /** Ends all windows, and settles when every report of devices that can reach NATS has been acknowledged. */
  async stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#toReport = [];
    const now = performance.now();
    for (const device of this.devices) this.#endWindow(device, now);
    await this.link.flushed();
  }

  close() {
    clearInterval(this.#timer);
    return this.link.close();
  }

  /** Answers all samples due by now, which otherwise wait for the end of a window. */
  catchUp() {
    const now = performance.now();
    for (const device of this.devices) this.#answer(device, now);
  }

  /** A device loses its power, and starts again at once. */
  crash(device) {
    device.boot();
    this.link.tellNewest(device);
  }

  #tick(now) {
    for (const [device, turn] of this.#turns) {
      if (turn.dueAt > now) continue;
      turn.dueAt += this.#options.windowMs;
      this.#endWindow(device, now);
    }
  }

  /** Samples that arrived before a policy start under the previous one. Applying it ends the window, as on an agent. */
  #deliver(device, bytes) {
    const now = performance.now();
    if (this.running) this.#answer(device, now);
    const offer = device.offer(bytes);
    for (const listener of this.#policyListeners) listener(device, bytes, offer);
    if (!this.running || offer !== 'applied') return;
    this.#toReport.push(device);
    if (this.#toReport.length === 1) setImmediate(() => this.#reportSome());
  }

  /** One process needs a while for all devices' reports, and must not delay delivery of the policy to the remaining devices. */
  #reportSome() {
    const until = performance.now() + reportingMs;
    while (this.#toReport.length > 0 && performance.now() < until) {
      this.#endWindow(this.#toReport.shift(), performance.now());
    }
    if (this.#toReport.length > 0) setImmediate(() => this.#reportSome());
  }

  #endWindow(device, now) {
    this.#answer(device, now);
    const turn = this.#turns.get(device);
    const { outcomes } = turn;
    const elapsedMs = now - turn.beganAt;
    turn.outcomes = [];
    turn.beganAt = now;
    device.endWindow(elapsedMs);
    for (const listener of this.#windowListeners) listener(device, outcomes, elapsedMs);
    this.link.send(device);
  }

  /** Answers the samples due since the last call. */
  #answer(device, now) {
    const turn = this.#turns.get(device);
    const { trafficAt, samplesPerSecond } = this.#options;
    turn.owed += (samplesPerSecond * (now - turn.answeredAt)) / 1_000;
    turn.answeredAt = now;
    for (; turn.owed >= 1; turn.owed--) {
      const had = this.samples.get(device.group);
      const { rows } = trafficAt(device, had);
      turn.outcomes.push(device.answer(rows[this.#random.integer(rows.length)]));
      this.samples.set(device.group, had + 1);
    }
  }
}
