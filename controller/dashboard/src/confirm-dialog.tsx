import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type By, ByFields } from './by-fields.js';
import { Modal } from './modal.js';
import { Outcome } from './outcome.js';
import { type Action, useAuthor } from './use-action.js';

/** Asks for author and reason before a change that affects all devices of a group. */
export function ConfirmDialog({
  label,
  title,
  children,
  name,
  action,
  onClose,
  onConfirm,
}: {
  label: string;
  title: string;
  /** What will happen. */
  children: ComponentChildren;
  /** Label of the button that confirms. */
  name: string;
  action: Action;
  onClose(): void;
  onConfirm(by: By): void;
}) {
  const [author, setAuthor] = useAuthor();
  const [reason, setReason] = useState('');
  return (
    <Modal label={label} onClose={onClose}>
      <h2>{title}</h2>
      <p>{children}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm({ author, reason });
        }}
      >
        <ByFields
          by={{ author, reason }}
          onChange={(by) => {
            setAuthor(by.author);
            setReason(by.reason);
          }}
        />
        <div class="buttons">
          <button type="submit" class="primary" aria-disabled={action.busy}>
            {name}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
        <Outcome action={action} />
      </form>
    </Modal>
  );
}
