import { useEffect, useRef, useState } from 'preact/hooks';
import { keepToken } from './api.js';
import { ConnectionBadge } from './connection-badge.js';
import { DeviceDrawer } from './device-drawer.js';
import { FleetPage } from './fleet-page.js';
import { GroupList } from './group-list.js';
import { GroupPage } from './group-page.js';
import { TokenForm } from './token-form.js';
import { Reconnections } from './use-action.js';
import { useFleet } from './use-fleet.js';
import { goTo, useRoute } from './use-route.js';

export function App() {
  const [attempt, setAttempt] = useState(0);
  const live = useFleet(attempt);
  const { fleet, link, problem } = live;
  const reconnections = useReconnections(link === 'live' && fleet.controller?.connected === true);
  const route = useRoute();
  const group = route.group === null ? null : (fleet.groups.get(route.group) ?? null);
  useEffect(() => {
    document.title = route.group === null ? 'Offramp' : `${route.group} – Offramp`;
  }, [route.group]);

  if (link === 'refused') {
    return (
      <TokenForm
        problem={problem}
        onToken={(token) => {
          keepToken(token);
          setAttempt(attempt + 1);
        }}
      />
    );
  }
  return (
    <Reconnections.Provider value={reconnections}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="#/">
          <img src="icon.svg" alt="" width="24" height="24" /> Offramp
        </a>
        <ConnectionBadge live={live} />
      </header>
      <div class={link === 'cut' ? 'columns stale' : 'columns'}>
        <GroupList fleet={fleet} selected={route.group} />
        <main id="content" tabIndex={-1}>
          {route.group === null ? (
            <FleetPage fleet={fleet} loading={link === 'connecting'} />
          ) : group ? (
            <GroupPage key={group.group} fleet={fleet} group={group} />
          ) : (
            <p class="empty">
              {link === 'connecting' ? 'Connecting …' : `There is no group ${route.group}.`}
            </p>
          )}
        </main>
      </div>
      {route.group !== null && route.device !== null && (
        <DeviceDrawer
          key={`${route.group} ${route.device}`}
          group={route.group}
          device={route.device}
          onClose={() => goTo({ group: route.group, device: null })}
        />
      )}
    </Reconnections.Provider>
  );
}

function useReconnections(connected: boolean): number {
  const [count, setCount] = useState(0);
  const before = useRef(connected);
  useEffect(() => {
    if (connected && !before.current) setCount((old) => old + 1);
    before.current = connected;
  }, [connected]);
  return count;
}
