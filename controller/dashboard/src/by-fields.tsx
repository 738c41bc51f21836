export interface By {
  author: string;
  reason: string;
}

/** Author and reason for the history. */
export function ByFields({ by, onChange }: { by: By; onChange(by: By): void }) {
  return (
    <div class="by">
      <label>
        Your name
        <input
          maxLength={100}
          autocomplete="name"
          value={by.author}
          onInput={(event) => onChange({ ...by, author: event.currentTarget.value })}
        />
      </label>
      <label>
        Why
        <input
          maxLength={500}
          value={by.reason}
          onInput={(event) => onChange({ ...by, reason: event.currentTarget.value })}
        />
      </label>
    </div>
  );
}
