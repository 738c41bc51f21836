import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, it } from 'vitest';

// The container that would clean up after us comes from a registry; each suite cleans up by itself.
process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';

const run = promisify(execFile);

/** Standard output of a `docker` command; fails with what it says on standard error. */
export async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args, { maxBuffer: 2 ** 26 })).stdout;
}

/** The command that is Compose here: the plug-in of `docker`, or a program of its own. */
export type Compose = 'docker compose' | 'docker-compose';

export async function findCompose(): Promise<Compose | null> {
  if (await succeeds('docker', 'compose', 'version')) return 'docker compose';
  return (await succeeds('docker-compose', 'version')) ? 'docker-compose' : null;
}

const engineMissing = (await succeeds('docker', 'info')) ? null : 'no Docker engine answers';

/**
 * A suite that needs containers. Where they cannot run it is skipped, and says why; in
 * continuous integration (`CI=true`) it fails.
 * @param alsoMissing what else is missing, if anything is
 */
export function describeContainers(title: string, alsoMissing: string | null, suite: () => void): void {
  const missing = engineMissing ?? alsoMissing;
  if (missing === null) {
    describe(title, suite);
  } else if (process.env.CI === 'true') {
    describe(title, () => {
      it('finds what it needs', () => {
        throw new Error(missing);
      });
    });
  } else {
    console.warn(`skipped: ${title}: ${missing}`);
    describe.skip(title, suite);
  }
}

/** Also where the engine is there, but its command line fails. */
async function succeeds(command: string, ...args: string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}
