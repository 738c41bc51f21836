import { useContext, useEffect, useState } from 'preact/hooks';
import { thresholdText } from '../../src/decide/text/threshold-text.js';
import type { ApiPolicy } from '../../src/http/schemas/index.js';
import { changeByApi, readApi } from './api.js';
import type { By } from './by-fields.js';
import { ConfirmDialog } from './confirm-dialog.js';
import { instant } from './format.js';
import { Outcome } from './outcome.js';
import { courseInWords, type PolicyRow, policyRows } from './policy-rows.js';
import { Reconnections, useAction } from './use-action.js';

const fewPolicies = 6;

/** The group's policies, the changes of each, and rollback. */
export function PolicyHistory({
  group,
  state,
}: {
  group: string;
  /** Identifies the group's policy; the history is read again when it changes. */
  state: string;
}) {
  const [policies, setPolicies] = useState<ApiPolicy[] | null>(null);
  const [problem, setProblem] = useState('');
  const [all, setAll] = useState(false);
  const [back, setBack] = useState<ApiPolicy | null>(null);
  const action = useAction();
  const reconnections = useContext(Reconnections);
  useEffect(() => {
    let wanted = true;
    readApi<{ policies: ApiPolicy[] }>(`v1/groups/${group}/policies`).then(
      (read) => {
        if (!wanted) return;
        setPolicies(read.policies);
        setProblem('');
      },
      (error: Error) => wanted && setProblem(error.message),
    );
    return () => {
      wanted = false;
    };
  }, [group, state, reconnections]);
  const rollBack = async (version: number, by: By) => {
    const done = await action.run(
      `The group has the thresholds of policy ${version} again, pinned.`,
      async () => {
        const read = await changeByApi<{ policies: ApiPolicy[] }>('POST', `v1/groups/${group}/rollback`, {
          version,
          ...by,
        });
        setPolicies(read.policies);
      },
    );
    if (done) setBack(null);
  };
  const rows = policyRows(policies ?? []);
  return (
    <section class="card" aria-labelledby="history">
      <h2 id="history">Policies</h2>
      {policies?.length === 0 && (
        <p class="muted">There is no policy. Devices follow the thresholds of their bundles.</p>
      )}
      {problem !== '' && <p class="bad-text">{problem}</p>}
      <ol class="policies">
        {rows.slice(0, all ? undefined : fewPolicies).map((row, i) => (
          <li key={row.policy.version}>
            <PolicyEntry row={row} newest={i === 0} onBack={() => setBack(row.policy)} />
          </li>
        ))}
      </ol>
      {rows.length > fewPolicies && (
        <button type="button" onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${rows.length}`}
        </button>
      )}
      {back === null && <Outcome action={action} />}
      {back && (
        <ConfirmDialog
          label={`Roll back to policy ${back.version}`}
          title={`Roll back to policy ${back.version}?`}
          name="Roll back"
          action={action}
          onClose={() => {
            action.forget();
            setBack(null);
          }}
          onConfirm={(by) => rollBack(back.version, by)}
        >
          All devices of {back.group}
          {back.bundleDigest !== null && ` with bundle ${back.bundleDigest.slice(0, 12)}`} get its thresholds
          at once: {back.thresholds.map(thresholdText).join(', ')}. They stay until you choose Auto again.
        </ConfirmDialog>
      )}
    </section>
  );
}

function PolicyEntry({
  row,
  newest,
  onBack,
}: {
  row: PolicyRow;
  /** The policy in force has no rollback button. */
  newest: boolean;
  onBack(): void;
}) {
  const { policy, changes } = row;
  const course = courseInWords(row, newest);
  const thresholds = policy.thresholds.map(thresholdText).join(', ');
  return (
    <>
      <div class="policy-head">
        <strong>{policy.version}</strong>
        {course !== '' && <span class="badge">{course}</span>}
        <span class="muted">
          <time dateTime={policy.setAt}>{instant(policy.setAt)}</time>
          {policy.author !== '' && ` · ${policy.author}`}
        </span>
        {newest ? (
          <span class="badge">newest</span>
        ) : (
          <button
            type="button"
            aria-label={`Roll back to policy ${policy.version}, of ${instant(policy.setAt)}, with thresholds ${thresholds}`}
            onClick={onBack}
          >
            Roll back
          </button>
        )}
      </div>
      {policy.reason !== '' && <p>{policy.reason}</p>}
      <ul class="diff">
        {changes.map(({ field, before, after }) => (
          <li key={field}>
            <span class="muted">{field}</span>{' '}
            {before !== null && (
              <>
                <del>{before}</del> <span aria-hidden="true">→</span>{' '}
              </>
            )}
            <ins>{after}</ins>
          </li>
        ))}
        {changes.length === 0 && <li class="muted">no change for devices</li>}
      </ul>
    </>
  );
}
