import type { ApiGroup } from '../../src/http/schemas/index.js';
import { type FleetState, heldBy, noteworthyDegraded } from './fleet-state.js';
import { percent } from './format.js';
import { hrefOf } from './use-route.js';

export function GroupList({ fleet, selected }: { fleet: FleetState; selected: string | null }) {
  const groups = [...fleet.groups.values()].sort((a, b) => a.group.localeCompare(b.group));
  return (
    <nav class="groups" aria-label="Groups">
      <a href="#/" aria-current={selected === null ? 'page' : undefined}>
        <span class="name">All groups</span>
      </a>
      {groups.map((group) => (
        <a
          key={group.group}
          href={hrefOf({ group: group.group, device: null })}
          aria-current={group.group === selected ? 'page' : undefined}
        >
          <span class="name">{group.group}</span>
          <span class="facts">
            {group.online.toLocaleString('en')}/{group.devices.toLocaleString('en')} online ·{' '}
            <GroupAgreement group={group} />
            {heldBy(group) !== '' && ` · ${heldBy(group)}`}
          </span>
        </a>
      ))}
    </nav>
  );
}

function GroupAgreement({ group }: { group: ApiGroup }) {
  const { status } = group;
  const degraded = noteworthyDegraded(group);
  const decision = status?.decision;
  if (decision?.drift) return <span class="bad-text">drift</span>;
  if (decision && decision.unmet.length > 0) return <span class="bad-text">goal not met</span>;
  if (degraded !== null) return <span class="bad-text">{percent(degraded)} degraded</span>;
  if (!decision) return <>not tuned</>;
  return <>{percent(decision.facts.agreement)} agree</>;
}
