import { useState } from 'preact/hooks';
import type { ApiGoals, ControlModeName } from '../../src/http/schemas.js';
import { callApi } from './api.js';
import { ByFields } from './by-fields.js';
import { Modal } from './modal.js';
import { Outcome } from './outcome.js';
import { type Action, useAction, useAuthor } from './use-action.js';

interface Mode {
  mode: ControlModeName;
  name: string;
  meaning: string;
}

const modes: readonly Mode[] = [
  { mode: 'auto', name: 'Auto', meaning: 'The controller sets thresholds by the goals' },
  { mode: 'pinned', name: 'Pin', meaning: 'Thresholds stay as they are until somebody sets others' },
  { mode: 'frozen', name: 'Freeze', meaning: 'Nothing changes; a canary is ended' },
];

/** Who sets the thresholds of the group. */
export function ModeButtons({ goals: { group, mode: present } }: { goals: ApiGoals }) {
  const [asked, setAsked] = useState<Mode | null>(null);
  const action = useAction();
  const set = async ({ mode, name, meaning }: Mode, author: string, reason: string) => {
    const body = { mode, author, reason: reason || 'on the dashboard' };
    const done = await action.run(`${name}: ${meaning}.`, () =>
      callApi('PUT', `v1/groups/${group}/mode`, body),
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
        <ModeDialog
          group={group}
          mode={asked}
          action={action}
          onClose={() => {
            action.forget();
            setAsked(null);
          }}
          onConfirm={(author, reason) => set(asked, author, reason)}
        />
      )}
    </>
  );
}

function ModeDialog({
  group,
  mode: { name, meaning },
  action,
  onClose,
  onConfirm,
}: {
  group: string;
  mode: Mode;
  action: Action;
  onClose(): void;
  onConfirm(author: string, reason: string): void;
}) {
  const [author, setAuthor] = useAuthor();
  const [reason, setReason] = useState('');
  return (
    <Modal label={`${name} ${group}`} onClose={onClose}>
      <h2>
        {name} {group}
      </h2>
      <p>{meaning}.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm(author, reason);
        }}
      >
        <ByFields
          by={{ author, reason }}
          onChange={(by) => {
            setAuthor(by.author);
            setReason(by.reason);
          }}
        />
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={action.busy}>
            {name}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
        <Outcome action={action} />
      </form>
    </Modal>
  );
}
