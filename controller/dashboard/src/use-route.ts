import { useEffect, useState } from 'preact/hooks';

/** What the page shows: all groups, one group, or one device of a group. */
export interface Route {
  group: string | null;
  device: string | null;
}

export function hrefOf({ group, device }: Route): string {
  if (group === null) return '#/';
  const of = `#/groups/${encodeURIComponent(group)}`;
  return device === null ? of : `${of}/devices/${encodeURIComponent(device)}`;
}

function readRoute(): Route {
  const parts = /^#\/groups\/([^/]+)(?:\/devices\/([^/]+))?$/.exec(location.hash);
  const part = (i: number) => (parts?.[i] === undefined ? null : decodeURIComponent(parts[i]));
  return { group: part(1), device: part(2) };
}

export function useRoute(): Route {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const onChange = () => setRoute(readRoute());
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return route;
}

export function goTo(route: Route): void {
  location.hash = hrefOf(route);
}
