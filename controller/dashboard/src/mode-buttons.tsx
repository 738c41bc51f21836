import type { ApiGoals, ControlModeName } from '../../src/http/schemas.js';
import { callApi } from './api.js';
import { Outcome } from './outcome.js';
import { useAction, useAuthor } from './use-action.js';

const modes: { mode: ControlModeName; name: string; meaning: string }[] = [
  { mode: 'auto', name: 'Auto', meaning: 'The controller sets thresholds by the goals' },
  { mode: 'pinned', name: 'Pin', meaning: 'Thresholds stay as they are until somebody sets others' },
  { mode: 'frozen', name: 'Freeze', meaning: 'Nothing changes; a canary is ended' },
];

/** Who sets the thresholds of the group. */
export function ModeButtons({ goals: { group, mode: present } }: { goals: ApiGoals }) {
  const action = useAction();
  const [author] = useAuthor();
  return (
    <div class="modes">
      <fieldset class="segmented">
        <legend class="hidden">Who sets the thresholds</legend>
        {modes.map(({ mode, name, meaning }) => (
          <button
            key={mode}
            type="button"
            title={meaning}
            aria-pressed={mode === present}
            disabled={action.busy}
            onClick={() =>
              action.run(`${name}: ${meaning}.`, () =>
                callApi('PUT', `v1/groups/${group}/mode`, { mode, author, reason: 'set on the dashboard' }),
              )
            }
          >
            {name}
          </button>
        ))}
      </fieldset>
      <Outcome action={action} />
    </div>
  );
}
