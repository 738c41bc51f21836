import type { Random } from './random.js';

export const sampleRateHz = 8_192;
/** A sixteenth of a second. */
export const windowSamples = 512;
/** Two accelerometers at a right angle. */
export const channels = 2;

/** What a rolling element passes over, in the order of the labels. */
export const kinds = ['healthy', 'outer race', 'inner race', 'rolling element'] as const;
export type Kind = (typeof kinds)[number];

interface Fault {
  /** Hits in a turn of the shaft: of a bearing with nine rolling elements. */
  hitsPerTurn: number;
  /** The resonance that a hit rings. */
  resonanceHz: number;
  /** How much the load on the fault changes, and how often in a turn of the shaft. */
  modulation: number;
  modulationsPerTurn: number;
}

const faults: ReadonlyMap<Kind, Fault> = new Map([
  // Always in the loaded zone.
  ['outer race', { hitsPerTurn: 3.58, resonanceHz: 1_900, modulation: 0, modulationsPerTurn: 0 }],
  // Turns with the shaft through the loaded zone.
  ['inner race', { hitsPerTurn: 5.42, resonanceHz: 2_500, modulation: 0.45, modulationsPerTurn: 1 }],
  // Turns with the cage.
  ['rolling element', { hitsPerTurn: 4.71, resonanceHz: 2_200, modulation: 0.4, modulationsPerTurn: 0.4 }],
]);

/** Of a resonance, in seconds. */
const decayS = 0.0012;

/**
 * The acceleration of a bearing's housing in two directions c = 0 and 1, in g:
 *
 * ```
 * a_c(t) = 0.5 sin(2π f t + φ + c π/2) + 0.2 sin(4π f t + ψ + c π/2)
 *        + s r_c Σ_k m(t_k) e^(−(t − t_k) / 1.2 ms) sin(2π f_n (t − t_k))   for t_k ≤ t
 *        + σ n_c(t)
 * m(t)   = 1 − μ + μ cos(2π q f t + θ)
 * ```
 *
 * The shaft turns f = 20 to 30 times in a second, and is a little out of balance and alignment. Wherever a rolling element
 * passes over the fault, at t_k = (k + u) / (p f), it rings the resonance f_n. Severity s is 0.7 to 2.5 with r = (1, 0.6), noise
 * σ is 0.2 to 0.8; p, f_n, μ and q are the fault's.
 * @returns channels × samples
 */
export function vibration(kind: Kind, random: Random): Float32Array {
  const turnsPerS = 20 + 10 * random.uniform();
  const [phase, second, start, load] = Array.from({ length: 4 }, () => 2 * Math.PI * random.uniform());
  const severity = random.logUniform(0.7, 2.5);
  const noise = random.logUniform(0.2, 0.8);
  const ringing = ringingOf(kind, turnsPerS, {
    start: (start as number) / (2 * Math.PI),
    load: load as number,
  });
  const values = new Float32Array(channels * windowSamples);
  for (let channel = 0; channel < channels; channel++) {
    const quarter = (channel * Math.PI) / 2;
    const received = channel === 0 ? 1 : 0.6;
    for (let i = 0; i < windowSamples; i++) {
      const angle = (2 * Math.PI * turnsPerS * i) / sampleRateHz;
      values[channel * windowSamples + i] =
        0.5 * Math.sin(angle + (phase as number) + quarter) +
        0.2 * Math.sin(2 * angle + (second as number) + quarter) +
        severity * received * (ringing[i] as number) +
        noise * random.normal();
    }
  }
  return values;
}

/** The sum over hits, before severity and direction. */
function ringingOf(kind: Kind, turnsPerS: number, at: { start: number; load: number }): Float64Array {
  const ringing = new Float64Array(windowSamples);
  const fault = faults.get(kind);
  if (!fault) return ringing;
  const { hitsPerTurn, resonanceHz, modulation, modulationsPerTurn } = fault;
  const betweenS = 1 / (hitsPerTurn * turnsPerS);
  // One hit before the window rings into it.
  for (let hitS = (at.start - 1) * betweenS; hitS < windowSamples / sampleRateHz; hitS += betweenS) {
    const angle = 2 * Math.PI * modulationsPerTurn * turnsPerS * hitS + at.load;
    const strength = 1 - modulation + modulation * Math.cos(angle);
    for (let i = Math.max(0, Math.ceil(hitS * sampleRateHz)); i < windowSamples; i++) {
      const sinceS = i / sampleRateHz - hitS;
      ringing[i] =
        (ringing[i] as number) +
        strength * Math.exp(-sinceS / decayS) * Math.sin(2 * Math.PI * resonanceHz * sinceS);
    }
  }
  return ringing;
}
