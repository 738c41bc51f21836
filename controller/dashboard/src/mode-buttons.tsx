import { useState } from 'preact/hooks';
import type { ApiGoals, ControlModeName } from '../../src/http/schemas/index.js';
import { changeByApi } from './api.js';
import type { By } from './by-fields.js';
import { ConfirmDialog } from './confirm-dialog.js';
import { Outcome } from './outcome.js';
import { useAction } from './use-action.js';

interface Mode {
  mode: ControlModeName;
  name: string;
  meaning: string;
}

const modes: readonly Mode[] = [
  { mode: 'auto', name: 'Auto', meaning: 'The controller sets thresholds by the goals' },
  { mode: 'pinned', name: 'Pin', meaning: 'Thresholds stay until an operator sets others' },
  { mode: 'frozen', name: 'Freeze', meaning: 'Nothing changes; a canary is ended' },
];

/** The group's mode. */
export function ModeButtons({ goals: { group, mode: present } }: { goals: ApiGoals }) {
  const [asked, setAsked] = useState<Mode | null>(null);
  const action = useAction();
  const set = async ({ mode, name, meaning }: Mode, { author, reason }: By) => {
    const body = { mode, author, reason: reason || 'on the dashboard' };
    const done = await action.run(`${name}: ${meaning}.`, () =>
      changeByApi('PUT', `v1/groups/${group}/mode`, body),
    );
    if (done) setAsked(null);
  };
  return (
    <>
      <fieldset class="segmented modes">
        <legend class="hidden">Who sets the thresholds</legend>
        {modes.map((mode) => (
          <button
            key={mode.mode}
            type="button"
            title={mode.meaning}
            aria-pressed={mode.mode === present}
            onClick={() => {
              action.forget();
              setAsked(mode);
            }}
          >
            {mode.name}
          </button>
        ))}
      </fieldset>
      {asked === null && <Outcome action={action} />}
      {asked && (
        <ConfirmDialog
          label={`${asked.name} ${group}`}
          title={`${asked.name} ${group}`}
          name={asked.name}
          action={action}
          onClose={() => {
            action.forget();
            setAsked(null);
          }}
          onConfirm={(by) => set(asked, by)}
        >
          {asked.meaning}.
        </ConfirmDialog>
      )}
    </>
  );
}
