import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** `OFFRAMP_CHROMIUM`, else the first that distributions put somewhere; `null`: there is none. */
export function findChromium(): string | null {
  const named = process.env.OFFRAMP_CHROMIUM;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'];
  const candidates = named ? [named] : names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Nothing but the page may use the network, and a container's little /dev/shm has to do. */
export const chromiumFlags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
