// What events and records of the audit log hold: names and values of many kinds, in words of people.

import { all } from "./api.js";
import { moneyText } from "./money.js";
import { may } from "./session.js";
import { short, time } from "./words.js";

const LONG_ID = /^[0-9a-f]{16,}$/;
const DIGITS = /^-?\d+$/;
const AMOUNTS = new Set(["amount", "capacity", "credit_limit", "fee_fixed", "free", "least_amount", "max_capacity", "most_owed", "reserved"]);

/** In which currency amounts of an account, or of a currency, are: `currencies()` reads it once and
 * returns what finds it, as `{currency, scale}` or undefined, for an account's id or a currency. */
export async function currencies() {
  if (!may("listAccounts")) return () => undefined;
  const known = new Map();
  for (const { id, credit_limit: { currency, scale } } of await all("/v1/accounts")) {
    known.set(id, { currency, scale });
    known.set(currency, { currency, scale });
  }
  return (name) => known.get(name);
}

/** A name of the API, as words. */
export const named = (name) => name.replaceAll("_", " ");

/** A value by its name; amounts are of `currency`, if that is known, and else so many atomic units. */
export function valued(name, value, currency) {
  if (value === null) return "none";
  if (AMOUNTS.has(name) && DIGITS.test(value)) return currency ? moneyText({ ...currency, amount: String(value) }) : `${value} atomic units`;
  if (name.endsWith("_at") && typeof value === "number") return time(value);
  if (typeof value === "string" && LONG_ID.test(value)) return short(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
