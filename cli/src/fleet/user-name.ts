import { userInfo } from 'node:os';

/** The name of the user who runs the command; empty if the system does not know it, as in some containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
