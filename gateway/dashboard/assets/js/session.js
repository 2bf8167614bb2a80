// Who is signed in, and what the gateway lets them do. The gateway decides each request anew; this
// only keeps from the page what would be refused.

import { all, get, post, remove, useCsrf } from "./api.js";

const KEY = "tallystick-signed-in";

let current = null;

/** The session, or null; `operations` are the ids of what it may do. */
export const session = () => current;

/** Whether the signed-in person may do this operation of the API (its id in the OpenAPI document). */
export const may = (operation) => current !== null && current.operations.has(operation);

/** Whether this account is the signed-in person's to see: an owner sees only their own. */
export const seesAccount = (id) => current?.accounts === null || current?.accounts?.includes(id) === true;

/** What a list of things may be narrowed to: `[value, words]` for each account, and all of them for
 * whoever sees all. The API asks an owner to name one. */
export async function accountChoices() {
  if (!may("listAccounts")) return [["", "All accounts"]];
  const own = (await all("/v1/accounts")).map((each) => [each.id, `${each.name} (${each.id})`]);
  return current.accounts === null ? [["", "All accounts"], ...own] : own;
}

async function take(found) {
  useCsrf(found.csrf_token);
  const { operations } = await get("/v1/permissions");
  current = { ...found, operations: new Set(operations) };
  remember(true);
}

/** Note in this browser whether it has a session, so that the gateway is not asked in vain. What
 * the session is stands in a cookie, which no script can read. */
function remember(yes) {
  try {
    if (yes) localStorage.setItem(KEY, "yes");
    else localStorage.removeItem(KEY);
  } catch {
    // A browser that keeps nothing asks each time.
  }
}

function mayHaveOne() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return true;
  }
}

/** Take up the session that this browser has, if there is one. */
export async function resume({ surely = false } = {}) {
  if (!surely && !mayHaveOne()) return;
  try {
    await take(await get("/v1/session"));
  } catch (error) {
    if (error.status !== 401) throw error;
    forget();
  }
}

/** Sign in. Throws ApiError. */
export async function signIn(name, password, code) {
  await take(await post("/v1/session", { name, password, code }));
}

/** End the session, here and at the gateway. */
export async function signOut() {
  await remove("/v1/session");
  forget();
}

/** The gateway has ended it already. */
export function forget() {
  current = null;
  remember(false);
  useCsrf(null);
}
