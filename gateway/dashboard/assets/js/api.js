// The REST API: the one place that sends anything, and that holds what a request must carry.

// A page that was left open asks on by itself, and must not keep its session alive by that.
const LEFT_MS = 60_000;
let touched = Date.now();
for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) {
  addEventListener(kind, () => (touched = Date.now()), { capture: true, passive: true });
}

let csrf = null;

/** What unsafe requests carry from now on to show that they come from this page. */
export function useCsrf(token) {
  csrf = token;
}

/** What the API refused, or that it did not answer (status 0). `fields` maps names to messages. */
export class ApiError extends Error {
  constructor(message, status, type, fields) {
    super(message);
    this.status = status;
    this.type = type;
    this.fields = fields;
  }
}

async function send(method, path, { body, query, signal, once } = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (csrf !== null && method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (once) headers["Idempotency-Key"] = once;
  if (Date.now() - touched > LEFT_MS) headers["X-Background"] = "1";
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The gateway does not answer.", 0, "", new Map());
  }
  if (response.ok) return response;
  const refused = await problem(response);
  if (response.status === 401 && path !== "/v1/session") {
    document.dispatchEvent(new CustomEvent("signed-out"));
  }
  throw refused;
}

async function problem(response) {
  let said = {};
  try {
    said = await response.json();
  } catch {
    // What stands between us and the gateway answered, not the gateway.
  }
  const fields = new Map((said.errors ?? []).map((each) => [each.field, each.message]));
  const text = said.detail ?? `The gateway answered ${response.status}.`;
  return new ApiError(text, response.status, said.type ?? "", fields);
}

async function json(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

export const get = (path, query, signal) => json("GET", path, { query, signal });
export const put = (path, body) => json("PUT", path, { body });
export const patch = (path, body) => json("PATCH", path, { body });
export const remove = (path) => json("DELETE", path);

/** `once` is a key under which a request that is repeated has one effect. */
export const post = (path, body = undefined, once = undefined) =>
  json("POST", path, { body, once });

/** Every item of a list, page by page. */
export async function all(path, query = {}) {
  const items = [];
  let cursor = null;
  do {
    const page = await get(path, { ...query, limit: 1000, cursor });
    items.push(...page.items);
    cursor = page.next ?? null;
  } while (cursor !== null);
  return items;
}

/** What a route answers as a file. */
export async function file(path, query) {
  const response = await send("GET", path, { query });
  return response.blob();
}
