// Simulated devices, all in this process, each with its own connection and one `Resume` stream. Requests are encoded
// beforehand except for id and deadline, and only id and kind of a response are read, so little is spent beyond gRPC itself.
import { Client, credentials, status } from '@grpc/grpc-js';
import { Bundle, codecNamed, encodeTensor, preferredCodecs, stageLayout } from '@offramp/bundle';
import { offloadService } from '@offramp/contracts';
import { agentHeapGrowthPercent } from '@offramp/edge-agent';
import { setHeapGrowth } from '@offramp/runtime';
import { measured, serve } from './child.mjs';
import { readOffloads } from './offloads.mjs';

const idTag = 0x08;
const deadlineTag = 0x38;
const answerTag = 0x12;
/** Refusals should arrive sooner than this. */
const promptMs = 5;
const raw = (bytes) => bytes;

// As agents do. Otherwise garbage collection for all devices in this process would count as the worker's time.
setHeapGrowth(agentHeapGrowthPercent);

let bodies = [];
/** `undefined`: plain text. */
let identities;
let deadline = Buffer.alloc(0);
let devices = [];

const securedOf = (i) => identities?.[i] ?? credentials.createInsecure();

/** The agent's default. */
const maxInFlight = 32;

class Device {
  inFlight = new Map();
  #pausedUntil = 0;
  #client;
  #call;
  #onResponse;
  #nextId = 1;

  constructor(address, secured, onResponse) {
    this.#onResponse = onResponse;
    this.#client = new Client(address, secured, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.ssl_target_name_override': 'worker',
    });
    this.#call = this.#client.makeBidiStreamRequest(offloadService.Resume.path, raw, raw);
    this.#call.on('data', (response) => this.#receive(response));
    this.#call.on('error', () => undefined);
    this.greeted = new Promise((resolve) => this.#call.once('metadata', resolve));
    this.ended = new Promise((resolve) => this.#call.once('status', resolve));
  }

  /** Like the agent, sends nothing during a pause that the worker asked for, nor beyond the limit. @returns whether it sent */
  offer() {
    if (performance.now() < this.#pausedUntil || this.inFlight.size >= maxInFlight) return false;
    this.send();
    return true;
  }

  send() {
    const id = this.#nextId++;
    this.inFlight.set(id, performance.now());
    this.#call.write(Buffer.concat([field(idTag, id), bodies[id % bodies.length], deadline]));
  }

  async close() {
    this.#call.end();
    await this.ended;
    this.#client.close();
  }

  #receive(response) {
    const { value: id, end } = varint(response, 1);
    const sent = this.inFlight.get(id);
    if (response[0] !== idTag || sent === undefined)
      throw new Error(`a response to ${id}, which is not in flight`);
    this.inFlight.delete(id);
    let kind = 'answered';
    if (response[end] !== answerTag) {
      const { refusal } = offloadService.Resume.responseDeserialize(response);
      this.#pausedUntil = performance.now() + refusal.retryAfterMs;
      kind = refusal.code === status.RESOURCE_EXHAUSTED ? 'refused' : 'expired';
    }
    this.#onResponse(this, performance.now() - sent, kind);
  }
}

serve({
  /** Encodes the samples, with the bundle's codec if none is named. */
  async start({ directory, folder, stage, codecName }) {
    const bundle = await Bundle.open(directory);
    const layout = stageLayout(bundle.manifest, stage);
    const width = layout.shape.reduce((product, size) => product * size, 1);
    const inputs = await readOffloads(folder, stage);
    const [own] = preferredCodecs(bundle.manifest, stage);
    const { codec, quantiser } = codecName ? { codec: codecNamed(codecName), quantiser: {} } : own;
    bodies = Array.from({ length: inputs.length / width }, (_, row) =>
      offloadService.Resume.requestSerialize({
        bundleDigest: bundle.digestBytes,
        stage,
        tensor: encodeTensor(codec, layout, inputs.subarray(row * width, (row + 1) * width), quantiser),
        thresholds: bundle.manifest.policy.thresholds,
        policyVersion: 1,
      }),
    );
    return {
      codec: codec.name,
      bytes: Math.round(bodies.reduce((sum, { length }) => sum + length, 0) / bodies.length),
    };
  },

  /** Devices use TLS from now on, each with its own certificate; without `certificates` they use plain text. */
  secure: ({ ca, certificates }) => {
    identities = certificates?.map(({ cert, key }) => {
      const pems = [ca, key, cert].map((pem) => Buffer.from(pem));
      return credentials.createSsl(...pems, { checkServerIdentity: () => undefined });
    });
  },

  /** Opens and closes streams one after another, each on a connection of its own. */
  connections: ({ address, count }) =>
    measured(async () => {
      for (let i = 0; i < count; i++) {
        const device = new Device(address, securedOf(0), () => undefined);
        await device.greeted;
        await device.close();
      }
      return {};
    }),

  /** Every device keeps `window` samples in flight until the end, without deadlines. */
  closedLoop: ({ address, count, window, seconds, warmUpSeconds = 1 }) => {
    deadline = Buffer.alloc(0);
    return play(address, count, warmUpSeconds, seconds, (until) => {
      for (const device of devices) for (let i = 0; i < window; i++) device.send();
      return (device) => {
        if (performance.now() < until()) device.send();
      };
    });
  },

  /** Samples arrive at random at `rate` a second, over all devices, regardless of earlier answers. */
  openLoop: async ({ address, count, rate, seconds, deadlineMs, warmUpSeconds = 1 }) => {
    deadline = field(deadlineTag, deadlineMs);
    let keptBack = 0;
    const playing = play(address, count, warmUpSeconds, seconds, (until) => {
      let next = performance.now();
      let turn = 0;
      const tick = () => {
        const now = performance.now();
        if (now >= until()) return;
        while (next <= now) {
          if (!devices[turn++ % devices.length].offer()) keptBack++;
          next += -Math.log(1 - Math.random()) * (1000 / rate);
        }
        setTimeout(tick, 1);
      };
      tick();
      return () => undefined;
    });
    const result = await playing;
    return { ...result, keptBack: (keptBack * seconds) / (seconds + warmUpSeconds) };
  },
});
process.once('disconnect', () => process.exit());

async function play(address, count, warmUpSeconds, seconds, begin) {
  const times = { answered: [], refused: [], expired: [] };
  let counting = false;
  let end = Number.POSITIVE_INFINITY;
  let afterResponse = () => undefined;
  devices = Array.from(
    { length: count },
    (_, i) =>
      new Device(address, securedOf(i), (device, tookMs, kind) => {
        if (counting) times[kind].push(tookMs);
        afterResponse(device);
      }),
  );
  afterResponse = begin(() => end);
  await sleep(warmUpSeconds);
  const result = await measured(async () => {
    counting = true;
    await sleep(seconds);
    counting = false;
    return Object.fromEntries(Object.entries(times).map(([kind, { length }]) => [kind, length]));
  });
  end = 0;
  await Promise.all(devices.map((device) => device.close()));
  const unanswered = devices.reduce((sum, { inFlight }) => sum + inFlight.size, 0);
  return {
    ...result,
    unanswered,
    answerMs: percentiles(times.answered),
    refusalMs: percentiles(times.refused),
    promptRefusals: times.refused.filter((ms) => ms < promptMs).length / times.refused.length,
  };
}

function percentiles(values) {
  const sorted = Float64Array.from(values).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}

function field(tag, value) {
  const bytes = [tag];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

function varint(bytes, start) {
  let value = 0;
  let factor = 1;
  let at = start;
  for (; bytes[at] > 127; at++, factor *= 128) value += (bytes[at] - 128) * factor;
  return { value: value + bytes[at] * factor, end: at + 1 };
}

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
