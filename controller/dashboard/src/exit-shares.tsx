import { percent } from './format.js';

/** Where samples left in the last minutes, as one bar. */
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
          <span key={name} class={`part part-${partOf(exit, exits.length)}`} style={{ flexGrow: share }} />
        ))}
      </div>
      <ul>
        {shares.map(({ share, name }, exit) => (
          <li key={name}>
            <span class={`swatch part-${partOf(exit, exits.length)}`} aria-hidden="true" /> {name}{' '}
            <strong>{percent(share)}</strong>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Of five shades, the last for the final exit. */
const partOf = (exit: number, exits: number) => (exit === exits - 1 ? 4 : exit % 4);
