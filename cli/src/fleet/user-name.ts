import { userInfo } from 'node:os';

/** Who runs the command; empty where the system knows no name, as in some containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
