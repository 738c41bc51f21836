/** An error that the controller has answered with, or that kept it from answering. */
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

export function authorization(): Record<string, string> {
  const token = readToken();
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}

/** @throws ApiError */
export async function callApi<T>(method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown): Promise<T> {
  const response = await fetch(path, {
    method,
    headers: { ...authorization(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new ApiError(0, 'The controller does not answer.');
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
    // A proxy in between does not say it in JSON.
  }
  return new ApiError(response.status, message);
}
