import { useEffect, useRef, useState } from 'preact/hooks';
import { readToken } from './api.js';

/** Asks for the token, which is kept until the tab is closed. */
export function TokenForm({ problem, onToken }: { problem: string; onToken(token: string): void }) {
  const [token, setToken] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <main class="token">
      <h1>Offramp</h1>
      <p>This controller requires the token from its token file.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onToken(token.trim());
          // Selected, so that typing replaces a wrong one.
          field.current?.select();
        }}
      >
        <label>
          Token
          <input
            ref={field}
            type="password"
            autocomplete="current-password"
            required
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary">
          Open
        </button>
        {readToken() !== '' && (
          <p role="alert" class="problem">
            {problem}
          </p>
        )}
      </form>
    </main>
  );
}
