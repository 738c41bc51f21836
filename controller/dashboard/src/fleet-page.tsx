import { EventList } from './event-list.js';
import { FleetMap } from './fleet-map.js';
import { type FleetState, heldBy, noteworthyDegraded } from './fleet-state.js';
import { count, percent } from './format.js';
import { hrefOf } from './use-route.js';
import { WorkerList } from './worker-list.js';

/** All groups at a glance. */
export function FleetPage({ fleet, loading }: { fleet: FleetState; loading: boolean }) {
  const groups = [...fleet.groups.values()].sort((a, b) => a.group.localeCompare(b.group));
  const devices = groups.reduce((sum, group) => sum + group.devices, 0);
  const online = groups.reduce((sum, group) => sum + group.online, 0);
  if (groups.length === 0) {
    return (
      <>
        <h1>Fleet</h1>
        <p class="empty">
          {loading ? (
            'Connecting …'
          ) : (
            <>
              No device has reported yet. Start one with <code>offramp agent</code>.
            </>
          )}
        </p>
      </>
    );
  }
  return (
    <>
      <h1>Fleet</h1>
      <p class="lead">
        {online.toLocaleString('en')} of {devices.toLocaleString('en')} devices are online, in {groups.length}{' '}
        {groups.length === 1 ? 'group' : 'groups'}.
      </p>
      {groups.map((entry) => {
        const { group, activity, status } = entry;
        const degraded = noteworthyDegraded(entry);
        const held = heldBy(entry);
        return (
          <section key={group} class="card" aria-labelledby={`map-${group}`}>
            <div class="card-head">
              <h2 id={`map-${group}`}>
                <a href={hrefOf({ group, device: null })}>{group}</a>{' '}
                {held !== '' && <span class="badge">{held}</span>}
              </h2>
              <p class="facts">
                {degraded !== null && (
                  <span class="bad-text">
                    {percent(degraded)} degraded{status?.decision ? ', not included in: ' : ' · '}
                  </span>
                )}
                {status?.decision ? `${percent(status.decision.facts.agreement)} agree · ` : ''}
                {count(activity.samples)} samples in the last minutes
              </p>
            </div>
            <FleetMap
              group={group}
              names={fleet.names.get(group) ?? []}
              letters={fleet.standings.get(group) ?? ''}
              maxHeight={groups.length > 1 ? 160 : 420}
            />
          </section>
        );
      })}
      <WorkerList workers={fleet.workers} />
      <EventList events={fleet.events} title="Events" />
    </>
  );
}
