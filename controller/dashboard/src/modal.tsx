import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** A dialog above the page: the browser keeps the focus in it, closes it with Escape and gives the focus back. */
export function Modal({
  label,
  drawer = false,
  onClose,
  children,
}: {
  label: string;
  drawer?: boolean;
  onClose(): void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    // Who has given a name already has but to say why.
    const fields = [...(dialog.current?.querySelectorAll('input') ?? [])];
    fields.find(({ value }) => value === '')?.focus();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} class={drawer ? 'drawer' : 'modal'} aria-label={label} onClose={onClose}>
      {children}
    </dialog>
  );
}
