import type { ComponentChildren } from 'preact';
import { reachText } from '../../src/decide/text/reach-text.js';
import { thresholdText } from '../../src/decide/text/threshold-text.js';
import type { ApiGroup } from '../../src/http/schemas/index.js';
import { AgreementChart } from './agreement-chart.js';
import { EventList } from './event-list.js';
import { ExitShares } from './exit-shares.js';
import { FleetMap } from './fleet-map.js';
import { type FleetState, heldBy, noteworthyDegraded } from './fleet-state.js';
import { bytes, count, milliseconds, percent } from './format.js';
import { GoalsForm } from './goals-form.js';
import { ModeButtons } from './mode-buttons.js';
import { PolicyHistory } from './policy-history.js';
import { hrefOf } from './use-route.js';
import { WorkerList } from './worker-list.js';

/** One group: its state, an explanation, and controls. */
export function GroupPage({ fleet, group }: { fleet: FleetState; group: ApiGroup }) {
  const { status, goals, activity } = group;
  const name = group.group;
  const goal = goals?.goals.find(({ kind }) => kind === 'agreement');
  const floor = goal?.kind === 'agreement' ? goal.floor : null;
  return (
    <>
      <div class="page-head">
        <h1>{name}</h1>
        {heldBy(group) !== '' && <span class="badge">{heldBy(group)}</span>}
        <p class="lead">
          {group.online.toLocaleString('en')} of {group.devices.toLocaleString('en')} devices online
          {group.bundles.length > 0 && ` · ${group.bundles.join(', ')}`}
        </p>
        {goals && <ModeButtons goals={goals} />}
      </div>
      {status?.problem && <p class={goals?.goals.length === 0 ? 'notice' : 'notice bad'}>{status.problem}</p>}
      <Notices group={group} />
      <Tiles group={group} floor={floor} />
      <section class="card" aria-labelledby="agreement">
        <h2 id="agreement">Agreement with the whole model</h2>
        <AgreementChart points={fleet.agreement.get(name) ?? []} floor={floor} />
        {activity.audited > 0 && (
          <p class="muted">
            In the last minutes {count(activity.auditsAgreed)} of {count(activity.audited)} audited early
            answers agreed with the whole model.
          </p>
        )}
      </section>
      <section class="card" aria-labelledby="exits">
        <h2 id="exits">Samples by exit</h2>
        <ExitShares exits={activity.exits} />
        {status && status.thresholds.length > 0 && (
          <p class="muted">
            Thresholds of policy {status.policyVersion}: {status.thresholds.map(thresholdText).join(', ')}
          </p>
        )}
      </section>
      <section class="card" aria-labelledby="map">
        <h2 id="map">Devices</h2>
        <FleetMap
          group={name}
          names={fleet.names.get(name) ?? []}
          letters={fleet.standings.get(name) ?? ''}
          maxHeight={420}
        />
        <Exceptions group={group} />
      </section>
      {status && status.explanation.length > 0 && (
        <section class="card" aria-labelledby="why">
          <h2 id="why">Why the thresholds are what they are</h2>
          {status.explanation.map((line) => (
            <p key={line}>{line}</p>
          ))}
        </section>
      )}
      {goals && <GoalsForm goals={goals} />}
      <PolicyHistory
        group={name}
        state={`${status?.policyVersion ?? 0}, ${status?.canary?.share ?? 'all'}, ${status?.exceptions.length ?? 0}`}
      />
      <WorkerList workers={fleet.workers} />
      <EventList
        events={fleet.events.filter((event) => event.group === name)}
        title="Drift and other events"
        ofGroup
      />
    </>
  );
}

function Notices({ group }: { group: ApiGroup }) {
  const { status } = group;
  const degraded = noteworthyDegraded(group);
  const refused = group.activity.refusedByWorker / Math.max(1, group.activity.degraded);
  const { canary, decision } = status ?? { canary: null, decision: null };
  return (
    <>
      {degraded !== null && (
        <p class="notice bad">
          {percent(degraded)} of answers in the last minutes are degraded, because the cloud did not answer
          {refused > 0 && `; workers refused ${percent(refused)} of these`}. Their agreement is not known.
        </p>
      )}
      {decision?.drift && (
        <p class="notice bad">
          {decision.drift.kind === 'confidence'
            ? `The input distribution has shifted: ${percent(decision.drift.distance)} of confidences are distributed differently.`
            : `The input distribution has shifted: ${count(decision.drift.disagreed)} of about ${count(decision.drift.audited)} audits disagreed.`}
        </p>
      )}
      {status?.policyGaps.map(({ text }) => (
        <p key={text} class="notice bad">
          {text}
        </p>
      ))}
      {decision?.unmet.map((goal) => (
        <p key={goal} class="notice bad">
          Not met: {goal}
        </p>
      ))}
      {canary && (
        <p class="notice">
          Policy {canary.policyVersion} is being tried on {reachText(canary)}; {count(canary.samples)} samples
          so far.
        </p>
      )}
    </>
  );
}

function Tiles({ group, floor }: { group: ApiGroup; floor: number | null }) {
  const { activity, status } = group;
  const facts = status?.decision?.facts ?? null;
  const { samples, offloaded, windowMs } = activity;
  const perSecond = windowMs === 0 ? 0 : samples / (windowMs / 1_000);
  const bound = facts?.agreementBound ?? null;
  const degraded = noteworthyDegraded(group);
  const met = floor === null || bound === null ? null : bound >= floor;
  return (
    <dl class="tiles">
      <Tile
        name="Agreement"
        value={facts ? percent(facts.agreement) : '–'}
        state={met === false ? 'bad' : met && degraded === null ? 'good' : ''}
      >
        {bound === null
          ? 'not known yet'
          : `at least ${percent(bound, 2)}${floor === null ? '' : `, goal ${percent(floor)}`}`}
        {degraded !== null && <span class="bad-text">; degraded answers not included</span>}
      </Tile>
      <Tile name="Cost of a sample" value={facts ? percent(facts.cost) : '–'}>
        of the whole model’s
      </Tile>
      <Tile name="To the cloud" value={samples === 0 ? '–' : percent(offloaded / samples)}>
        of samples{activity.degraded > 0 ? `; ${count(activity.degraded)} degraded` : ''}
        {activity.refusedByWorker > 0
          ? `, ${count(activity.refusedByWorker)} of them refused by workers`
          : ''}
      </Tile>
      <Tile name="Bytes saved" value={savedBytes(activity)}>
        {bytes(activity.offloadBytes)} were sent; every picture: {bytes(activity.inputBytes)}
      </Tile>
      <Tile name="Latency" value={milliseconds(activity.latencyP50Ms)}>
        p50; p99 {milliseconds(activity.latencyP99Ms)}
      </Tile>
      <Tile name="Samples" value={`${count(perSecond)}/s`}>
        {count(samples)} in the last minutes
      </Tile>
    </dl>
  );
}

/** Against sending every picture; negative where that takes fewer bytes. */
function savedBytes({ bytesSaved, inputBytes }: ApiGroup['activity']): string {
  if (inputBytes === 0) return '–';
  return bytesSaved < 0 ? `−${bytes(-bytesSaved)}` : bytes(bytesSaved);
}

function Tile({
  name,
  value,
  state = '',
  children,
}: {
  name: string;
  value: string;
  state?: 'good' | 'bad' | '';
  children: ComponentChildren;
}) {
  return (
    <div class={`tile ${state}`}>
      <dt>{name}</dt>
      <dd class="value">{value}</dd>
      <dd>{children}</dd>
    </div>
  );
}

function Exceptions({ group: { group, status } }: { group: ApiGroup }) {
  if (!status || status.exceptions.length === 0) return null;
  return (
    <>
      <h3>Devices with their own thresholds</h3>
      <ul class="plain">
        {status.exceptions.map(({ device, distance, thresholds }) => (
          <li key={device}>
            <a href={hrefOf({ group, device })}>{device}</a>{' '}
            <span class="muted">
              {percent(distance, 0)} of its confidences are distributed differently; thresholds{' '}
              {thresholds.map(thresholdText).join(', ')}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
