/** A training's progress on standard error, one line every 15 s. @param name prefix of each line */
export function progressLines(name = '') {
  const prefix = name && `${name}: `;
  let state = { title: '', total: 0, done: 0, shown: 0 };
  return {
    step: (title, total) => {
      state = { title, total, done: 0, shown: performance.now() };
    },
    advance: (by, note = '') => {
      state.done += by;
      if (state.done < state.total && performance.now() - state.shown < 15_000) return;
      state.shown = performance.now();
      process.stderr.write(`${prefix}${state.title} ${state.done} of ${state.total} ${note}\n`);
    },
  };
}
