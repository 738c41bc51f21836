import { useEffect, useState } from 'preact/hooks';
import type { ApiGoals } from '../../src/http/schemas.js';
import { callApi } from './api.js';
import { ByFields } from './by-fields.js';
import { draftOf, type GoalDraft, type GoalKind, goalsOf, raised } from './goal-draft.js';
import { Outcome } from './outcome.js';
import { useAction, useAuthor } from './use-action.js';

const labels: Record<GoalKind, { name: string; before: string; unit: string; step: string; max?: number }> = {
  agreement: {
    name: 'Agreement',
    before: 'at least',
    unit: '% of answers are the whole model’s',
    step: '0.01',
    max: 99.99,
  },
  offload: {
    name: 'Cloud share',
    before: 'at most',
    unit: '% of samples go to the cloud',
    step: '0.1',
    max: 100,
  },
  cloudSeconds: { name: 'Cloud time', before: 'at most', unit: 's of workers’ time per second', step: 'any' },
  latency: { name: 'Latency', before: 'within', unit: 'ms for', step: 'any' },
};

/** What the group is to achieve, the most important first. */
export function GoalsForm({ goals }: { goals: ApiGoals }) {
  const [drafts, setDrafts] = useState(() => draftOf(goals.goals));
  const [base, setBase] = useState(goals.revision);
  const [touched, setTouched] = useState(false);
  const [author, setAuthor] = useAuthor();
  const [reason, setReason] = useState('');
  const action = useAction();
  const reload = () => {
    setDrafts(draftOf(goals.goals));
    setBase(goals.revision);
    setTouched(false);
  };
  // Nobody's half-written goals are thrown away.
  useEffect(() => {
    if (!touched && goals.revision !== base) reload();
  });
  const change = (next: GoalDraft[]) => {
    setDrafts(next);
    setTouched(true);
  };
  const save = async () => {
    const body = { goals: goalsOf(drafts), author, reason, expectedRevision: base };
    await action.run('The goals are set.', async () => {
      const saved = await callApi<ApiGoals>('PUT', `v1/groups/${goals.group}/goals`, body);
      setDrafts(draftOf(saved.goals));
      setBase(saved.revision);
      setTouched(false);
      setReason('');
    });
  };
  return (
    <section class="card" aria-labelledby="goals">
      <div class="card-head">
        <h2 id="goals">Goals</h2>
        {goals.setAt && goals.author !== '' && <p class="facts">last set by {goals.author}</p>}
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <ol class="goals">
          {drafts.map((draft, i) => (
            <GoalRow
              key={draft.kind}
              draft={draft}
              first={i === 0}
              onChange={(next) => change(drafts.map((other, at) => (at === i ? next : other)))}
              onRaise={() => change(raised(drafts, i))}
            />
          ))}
        </ol>
        <ByFields
          by={{ author, reason }}
          onChange={(by) => {
            setAuthor(by.author);
            setReason(by.reason);
          }}
        />
        <div class="buttons">
          <button type="submit" class="primary" disabled={action.busy}>
            Set goals
          </button>
          {touched && (
            <button type="button" onClick={reload}>
              Discard changes
            </button>
          )}
        </div>
        {touched && goals.revision !== base && (
          <p class="notice">
            {goals.author || 'Somebody'} has set other goals meanwhile. Discard your changes to see them.
          </p>
        )}
        <Outcome action={action} />
      </form>
    </section>
  );
}

function GoalRow({
  draft,
  first,
  onChange,
  onRaise,
}: {
  draft: GoalDraft;
  first: boolean;
  onChange(draft: GoalDraft): void;
  onRaise(): void;
}) {
  const { name, before, unit, step, max } = labels[draft.kind];
  return (
    <li>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.wanted}
          onChange={(event) => onChange({ ...draft, wanted: event.currentTarget.checked })}
        />
        {name}
      </label>
      <span class={draft.wanted ? 'goal' : 'goal muted'}>
        {before}
        <input
          type="number"
          aria-label={`${name}: ${before} so many ${unit}`}
          required={draft.wanted}
          disabled={!draft.wanted}
          min={draft.kind === 'latency' ? '0.001' : '0'}
          step={step}
          {...(max === undefined ? {} : { max })}
          value={draft.value}
          onInput={(event) => onChange({ ...draft, value: event.currentTarget.value })}
        />
        {unit}
        {draft.kind === 'latency' && (
          <>
            <input
              type="number"
              aria-label="Latency: share of answers, in percent"
              required={draft.wanted}
              disabled={!draft.wanted}
              min="0.1"
              max="99.9"
              step="0.1"
              value={draft.quantile}
              onInput={(event) => onChange({ ...draft, quantile: event.currentTarget.value })}
            />
            % of answers
          </>
        )}
      </span>
      <button
        type="button"
        class="raise"
        disabled={first}
        aria-label={`${name}: more important`}
        onClick={onRaise}
      >
        ↑
      </button>
    </li>
  );
}
