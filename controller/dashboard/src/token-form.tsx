import { useState } from 'preact/hooks';
import { readToken } from './api.js';

/** Asks for the token, which is kept until the tab is closed. */
export function TokenForm({ problem, onToken }: { problem: string; onToken(token: string): void }) {
  const [token, setToken] = useState('');
  return (
    <main class="token">
      <h1>Offramp</h1>
      <p>This controller asks for its token: the one in its token file.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onToken(token.trim());
        }}
      >
        <label>
          Token
          <input
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
