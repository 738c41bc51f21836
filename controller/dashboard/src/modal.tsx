import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** A modal dialog. The browser keeps the focus inside, closes it with Escape and restores the focus. */
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
    // If the name is known, the focus goes to the reason.
    const fields = [...(dialog.current?.querySelectorAll('input') ?? [])];
    fields.find(({ value }) => value === '')?.focus();
    return () => {
      // The browser restored the focus if it closed the dialog, and the user may have moved it since.
      const lost = document.activeElement === document.body;
      if (lost && opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} class={drawer ? 'drawer' : 'modal'} aria-label={label} onClose={onClose}>
      {children}
    </dialog>
  );
}
