import { useEffect, useRef, useState } from 'preact/hooks';
import type { DeviceStanding } from '../../src/http/schemas/index.js';
import { deviceAt, layOut } from './map-layout.js';
import { countStandings, standingOfLetter, standings } from './standings.js';
import { goTo, hrefOf } from './use-route.js';
import { useWidth } from './use-width.js';

export interface FleetMapProps {
  group: string;
  names: readonly string[];
  /** One per name. */
  letters: string;
  maxHeight: number;
}

const maxFound = 24;

/**
 * One cell per device, coloured by its state. The legend gives the numbers as text, and each device can be
 * reached by the search as well as by a click.
 */
export function FleetMap({ group, names, letters, maxHeight }: FleetMapProps) {
  const [only, setOnly] = useState<DeviceStanding | null>(null);
  const [search, setSearch] = useState('');
  const counts = countStandings(letters);
  const shown = standings.filter(({ name }) => counts.has(name));
  const asksForDevices = search !== '' || only !== null;
  const found = asksForDevices ? foundDevices(names, letters, search, only) : [];
  return (
    <div class="map">
      <MapCanvas group={group} names={names} letters={letters} maxHeight={maxHeight} only={only} />
      <div class="legend">
        {shown.map(({ name, meaning }) => (
          <button
            key={name}
            type="button"
            class="key"
            title={meaning}
            aria-pressed={only === name}
            onClick={() => setOnly(only === name ? null : name)}
          >
            <span class={`swatch ${name}`} aria-hidden="true" />
            {(counts.get(name) ?? 0).toLocaleString('en')} {name}
          </button>
        ))}
        <label class="search">
          <span class="hidden">Find a device of {group}</span>
          <input
            type="search"
            placeholder="Find a device"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
            onKeyDown={(event) => {
              const hit = found.length === 1 ? found[0] : found.find(({ name }) => name === search.trim());
              if (event.key === 'Enter' && hit) goTo({ group, device: hit.name });
            }}
          />
        </label>
      </div>
      {asksForDevices && <FoundDevices group={group} found={found} />}
    </div>
  );
}

interface Found {
  name: string;
  standing: DeviceStanding;
}

function foundDevices(
  names: readonly string[],
  letters: string,
  search: string,
  only: DeviceStanding | null,
): Found[] {
  const wanted = search.trim().toLowerCase();
  return names
    .map((name, i) => ({ name, standing: standingOfLetter(letters[i]) }))
    .filter(
      ({ name, standing }) => name.toLowerCase().includes(wanted) && (only === null || only === standing),
    );
}

function FoundDevices({ group, found }: { group: string; found: readonly Found[] }) {
  const rest = found.length - maxFound;
  return (
    <>
      <ul class="found">
        {found.slice(0, maxFound).map(({ name, standing }) => (
          <li key={name}>
            <span class={`swatch ${standing}`} aria-hidden="true" />{' '}
            <a href={hrefOf({ group, device: name })}>{name}</a> <span class="muted">{standing}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="muted">No device matches.</p>}
      {rest > 0 && <p class="muted">… and {rest.toLocaleString('en')} more.</p>}
    </>
  );
}

function MapCanvas({
  group,
  names,
  letters,
  maxHeight,
  only,
}: FleetMapProps & { only: DeviceStanding | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [frame, width] = useWidth<HTMLDivElement>();
  const dark = useDarkScheme();
  const [pointed, setPointed] = useState<number | null>(null);
  const layout = layOut(letters.length, width, maxHeight);
  useEffect(() => {
    if (canvas.current && width > 0) draw(canvas.current, letters, { width, maxHeight, only, dark });
  }, [letters, width, maxHeight, only, dark]);
  const indexAt = (event: MouseEvent) => deviceAt(layout, letters.length, event.offsetX, event.offsetY);
  const counts = countStandings(letters);
  const summary = standings
    .filter(({ name }) => counts.has(name))
    .map(({ name }) => `${counts.get(name)} ${name}`)
    .join(', ');
  return (
    <div class="canvas" ref={frame}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${names.length} devices of ${group}: ${summary || 'none'}`}
        onMouseMove={(event) => setPointed(indexAt(event))}
        onMouseLeave={() => setPointed(null)}
        onClick={(event) => {
          const device = names[indexAt(event) ?? -1];
          if (device !== undefined) goTo({ group, device });
        }}
      />
      <p class="pointed" aria-hidden="true">
        {pointed === null ? ' ' : `${names[pointed] ?? ''} – ${standingOfLetter(letters[pointed])}`}
      </p>
    </div>
  );
}

interface Look {
  width: number;
  maxHeight: number;
  only: DeviceStanding | null;
  /** A change of the colour scheme requires a redraw. */
  dark: boolean;
}

function draw(canvas: HTMLCanvasElement, letters: string, { width, maxHeight, only, dark }: Look): void {
  const layout = layOut(letters.length, width, maxHeight);
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(layout.height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${layout.height}px`;
  canvas.dataset.scheme = dark ? 'dark' : 'light';
  const context = canvas.getContext('2d');
  if (!context) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colours = new Map(
    standings.map(({ letter, name }) => [letter, style.getPropertyValue(`--standing-${name}`)]),
  );
  const pitch = layout.size + layout.gap;
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i] ?? '';
    context.globalAlpha = only === null || standingOfLetter(letter) === only ? 1 : 0.15;
    context.fillStyle = colours.get(letter) ?? '';
    const x = (i % layout.columns) * pitch;
    const y = Math.floor(i / layout.columns) * pitch;
    context.fillRect(x, y, layout.size, layout.size);
    if (letter === 'x' && layout.size >= 6) {
      context.clearRect(x + 1.5, y + 1.5, layout.size - 3, layout.size - 3);
    }
  }
}

function useDarkScheme(): boolean {
  const query = matchMedia('(prefers-color-scheme: dark)');
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const onChange = () => setDark(query.matches);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return dark;
}
