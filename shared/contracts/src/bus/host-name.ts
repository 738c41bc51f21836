import { hostname } from 'node:os';

/** The host's name as {@link checkName} takes it: what a name cannot have is replaced by '-'. */
export function hostName(host = hostname()): string {
  return host.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 64) || 'host';
}
