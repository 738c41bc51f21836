import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiGoals } from '../../src/http/schemas/index.js';
import { changeByApi } from './api.js';
import { ByFields } from './by-fields.js';
import {
  draftOf,
  type GoalDraft,
  type GoalKind,
  type GoalProblem,
  goalsInWords,
  goalsOf,
  problemOf,
  raised,
} from './goal-draft.js';
import { Outcome } from './outcome.js';
import { useAction, useAuthor } from './use-action.js';

const labels: Record<GoalKind, { name: string; before: string; unit: string; step: string }> = {
  agreement: {
    name: 'Agreement',
    before: 'at least',
    unit: '% of answers agree with the whole model',
    step: '0.1',
  },
  offload: { name: 'Cloud share', before: 'at most', unit: '% of samples go to the cloud', step: '1' },
  cloudSeconds: { name: 'Cloud time', before: 'at most', unit: 's of workers’ time per second', step: '1' },
  latency: { name: 'Latency', before: 'within', unit: 'ms for', step: '1' },
};

/** The group's goals, the most important first. */
export function GoalsForm({ goals }: { goals: ApiGoals }) {
  const [drafts, setDrafts] = useState(() => draftOf(goals.goals));
  const [base, setBase] = useState(goals.revision);
  const [touched, setTouched] = useState(false);
  const [author, setAuthor] = useAuthor();
  const [reason, setReason] = useState('');
  const [problems, setProblems] = useState<ReadonlyMap<GoalKind, GoalProblem>>(new Map());
  const action = useAction();
  const form = useRef<HTMLFormElement>(null);
  const submit = useRef<HTMLButtonElement>(null);
  const reload = () => {
    setDrafts(draftOf(goals.goals));
    setBase(goals.revision);
    setTouched(false);
    setProblems(new Map());
  };
  // Unsaved edits are kept.
  useEffect(() => {
    if (!touched && goals.revision !== base) reload();
  });
  const change = (next: GoalDraft[]) => {
    setDrafts(next);
    setTouched(true);
    action.forget();
  };
  const changeOne = (changed: GoalDraft) => {
    change(drafts.map((other) => (other.kind === changed.kind ? changed : other)));
    setProblems(new Map([...problems].filter(([kind]) => kind !== changed.kind)));
  };
  // After drawing the errors, the focus moves to the first one.
  useEffect(() => {
    if (problems.size > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problems]);
  const save = async () => {
    const found = new Map<GoalKind, GoalProblem>();
    for (const draft of drafts) {
      const problem = problemOf(draft, goals.goals);
      if (problem) found.set(draft.kind, problem);
    }
    setProblems(found);
    action.forget();
    if (found.size > 0) return;
    const wanted = goalsOf(drafts);
    const body = { goals: wanted, author, reason, expectedRevision: base };
    const done =
      wanted.length === 0 ? 'All goals are removed.' : `The goals are set: ${goalsInWords(wanted)}.`;
    await action.run(done, async () => {
      const saved = await changeByApi<ApiGoals>('PUT', `v1/groups/${goals.group}/goals`, body);
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
        ref={form}
        noValidate
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
              problem={problems.get(draft.kind) ?? null}
              first={i === 0}
              onChange={changeOne}
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
          <button ref={submit} type="submit" class="primary" aria-disabled={action.busy}>
            Set goals
          </button>
          {touched && (
            <button
              type="button"
              onClick={() => {
                reload();
                action.forget();
                // This button disappears.
                submit.current?.focus();
              }}
            >
              Discard changes
            </button>
          )}
        </div>
        {touched && goals.revision !== base && (
          <p class="notice">
            {goals.author || 'Another operator'} has changed the goals meanwhile. Discard your changes to see
            them.
          </p>
        )}
        <Outcome action={action} />
      </form>
    </section>
  );
}

function GoalRow({
  draft,
  problem,
  first,
  onChange,
  onRaise,
}: {
  draft: GoalDraft;
  /** Why the goal was not set; removed on the next edit. */
  problem: GoalProblem | null;
  first: boolean;
  onChange(draft: GoalDraft): void;
  onRaise(): void;
}) {
  const { name, before, unit, step } = labels[draft.kind];
  const problemId = `problem-${draft.kind}`;
  const wrong = (field: GoalProblem['field']) =>
    problem?.field === field
      ? ({ 'aria-invalid': 'true', 'aria-describedby': problemId } as const)
      : { 'aria-invalid': undefined, 'aria-describedby': undefined };
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
          aria-label={`${name}: ${before}, ${unit}`}
          required={draft.wanted}
          disabled={!draft.wanted}
          min="0"
          step={step}
          {...wrong('value')}
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
              min="0"
              max="100"
              step="1"
              {...wrong('quantile')}
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
        aria-disabled={first}
        aria-label={`${name}: more important`}
        onClick={({ currentTarget }) => {
          if (first) return;
          onRaise();
          // An element loses the focus when it is moved.
          requestAnimationFrame(() => currentTarget.focus());
        }}
      >
        ↑
      </button>
      {problem && (
        <div class="goal-problem" id={problemId} role="alert">
          <p>
            {name}: {problem.text}
          </p>
          {problem.meant !== null && (
            <button
              type="button"
              onClick={({ currentTarget }) => {
                const field = currentTarget
                  .closest('li')
                  ?.querySelector<HTMLElement>('[aria-invalid="true"]');
                onChange({ ...draft, [problem.field]: problem.meant });
                field?.focus();
              }}
            >
              Make it {problem.meant} %
            </button>
          )}
        </div>
      )}
    </li>
  );
}
