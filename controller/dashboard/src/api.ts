/** An error response of the controller, or a failure to reach it. */
export class ApiError extends Error {
  constructor(
    /** 0: there was no answer. */
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

const tokenKey = 'offramp.token';

export const readToken = (): string => sessionStorage.getItem(tokenKey) ?? '';
export const keepToken = (token: string): void => sessionStorage.setItem(tokenKey, token);

export function authorization(): Readonly<Record<string, string>> {
  const token = readToken();
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}

/** @throws ApiError */
export async function readApi<T>(path: string): Promise<T> {
  return send<T>(path, { headers: authorization() }, 'The controller does not answer.');
}

/** For so long a change that no answer came to is the same one when it is asked for again. */
const sameChangeMs = 60_000;
/** It goes under the same name, so that it is made once. */
let unanswered = { change: '', requestId: '', atMs: 0 };

/** @throws ApiError */
export async function changeByApi<T>(method: 'PUT' | 'POST', path: string, body: object): Promise<T> {
  const change = JSON.stringify([method, path, body]);
  const nowMs = performance.now();
  if (unanswered.change !== change || nowMs - unanswered.atMs > sameChangeMs) {
    unanswered = { change, requestId: newRequestId(), atMs: nowMs };
  }
  const request = {
    method,
    headers: { ...authorization(), 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, requestId: unanswered.requestId }),
  };
  const answer = await send<T>(path, request, noAnswerToChange);
  unanswered = { change: '', requestId: '', atMs: 0 };
  return answer;
}

const noAnswerToChange =
  'The controller does not answer: whether the change is made is not known. Repeating it makes it only once.';

/** `crypto.randomUUID` is there only where the page came over TLS or from this machine. */
const newRequestId = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-');

async function send<T>(path: string, request: RequestInit, noAnswer: string): Promise<T> {
  const response = await fetch(path, request).catch(() => {
    throw new ApiError(0, noAnswer);
  });
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as T;
}

export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  let message = `The controller answers with status ${response.status}.`;
  try {
    const { error } = JSON.parse(text) as { error: { message: string; hint?: string } };
    message = [error.message, error.hint].filter(Boolean).join(' ');
  } catch {
    // A proxy may answer without JSON.
  }
  return new ApiError(response.status, message);
}
