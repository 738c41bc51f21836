// Preloaded (`node --import`) to make a program's clock wrong by OFFRAMP_BENCH_CLOCK_SKEW_MS.
const skewMs = Number(process.env.OFFRAMP_BENCH_CLOCK_SKEW_MS ?? 0);
const { now } = Date;
const skewedNow = () => now() + skewMs;

globalThis.Date = new Proxy(Date, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [skewedNow()] : given, newTarget),
  apply: () => new Date(skewedNow()).toString(),
});
Date.now = skewedNow;
