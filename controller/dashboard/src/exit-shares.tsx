import { percent } from './format.js';

/** Samples by exit in the last minutes, as one bar. */
export function ExitShares({ exits }: { exits: readonly number[] }) {
  const sum = exits.reduce((total, answers) => total + answers, 0);
  if (sum === 0) return <p class="muted">No sample was answered in the last minutes.</p>;
  const shares = exits.map((answers, exit) => ({
    share: answers / sum,
    name: exit === exits.length - 1 ? 'final exit' : `exit ${exit}`,
  }));
  return (
    <div class="shares">
      <div class="bar" aria-hidden="true">
        {shares.map(({ share, name }, exit) => (
          <span key={name} class="part" style={{ flexGrow: share, ...shadeOf(exit, exits.length) }} />
        ))}
      </div>
      <ul>
        {shares.map(({ share, name }, exit) => (
          <li key={name}>
            <span class="swatch" style={shadeOf(exit, exits.length)} aria-hidden="true" /> {name}{' '}
            <strong>{percent(share)}</strong>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Between the colours of the first and the last branch; the final exit has its own colour. */
function shadeOf(exit: number, exits: number): { backgroundColor: string } {
  if (exit === exits - 1) return { backgroundColor: 'var(--exit-final)' };
  const way = Math.round((100 * exit) / Math.max(1, exits - 2));
  return { backgroundColor: `color-mix(in oklab, var(--exit-last) ${way}%, var(--exit-first))` };
}
