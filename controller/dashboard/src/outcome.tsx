import type { Action } from './use-action.js';

export function Outcome({ action: { outcome } }: { action: Action }) {
  return (
    <p role="status" class={outcome?.failed ? 'outcome bad-text' : 'outcome'}>
      {outcome?.text}
    </p>
  );
}
