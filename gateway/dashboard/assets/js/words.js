// Words of the API in words of people: units, states, times.

import { h } from "./dom.js";
import { count, price } from "./money.js";

const UNITS = { "W.h": "Wh", "kW.h": "kWh", By: "bytes", s: "s", min: "min", L: "l", "m3": "m³" };

/** A UCUM unit as people write it. */
export function unitName(unit) {
  if (UNITS[unit]) return UNITS[unit];
  const counted = /^\{(.+)\}$/.exec(unit);
  return counted ? `${counted[1]}s` : unit;
}

/** The name of a single one of them. */
export function oneUnit(unit) {
  if (unit === "By") return "byte";
  return /^\{(.+)\}$/.exec(unit)?.[1] ?? unitName(unit);
}

/** So many units, with their name. */
export function units(value, unit) {
  return `${count(value)} ${unitName(unit)}`;
}

const LARGER = { "W.h": ["kWh", 1000n], By: ["MB", 1_000_000n], s: ["h", 3600n] };

/** What a tariff's unit costs, by the larger unit that people name prices by. */
export function pricePer(tariff) {
  const [name, times] = LARGER[tariff.unit] ?? [oneUnit(tariff.unit), 1n];
  return [price({ ...tariff, numerator: BigInt(tariff.numerator) * times }), h("span", { class: "per" }, ` / ${name}`)];
}

const GOOD = new Set(["active", "enabled", "delivered", "open", "done", "completed", "posted", "ok", "lifted", "valid", "credited", "final"]);
const WAITING = new Set([
  "suspended", "frozen", "proposed", "requested", "waiting", "suspense", "pending", "submitted",
  "expired", "awaiting approval", "fenced", "warning", "needs a person", "invited",
  "confirming", "unassigned", "sent", "mined", "dropped", "paused",
]);
const BAD = new Set(["revoked", "failing", "disabled", "failed", "returned", "rejected", "invalid", "reverted"]);

/** A state as a small label: its word carries the meaning, its shape and colour only help. */
export function state(word) {
  const tone = GOOD.has(word) ? "good" : BAD.has(word) ? "bad" : WAITING.has(word) ? "waiting" : "plain";
  return h("span", { class: `state ${tone}` }, word);
}

const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const WITH_SECONDS = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** An instant (Unix seconds) in the viewer's zone; in UTC when it is pointed at. */
export function time(seconds, precise = false) {
  if (seconds === null || seconds === undefined) return h("span", { class: "none" }, "never");
  const at = new Date(Number(seconds) * 1000);
  if (Number.isNaN(at.getTime())) return h("span", {}, String(seconds));
  const iso = at.toISOString();
  return h(
    "time",
    { datetime: iso, title: `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC` },
    (precise ? WITH_SECONDS : DAY_AND_TIME).format(at),
  );
}

/** The viewer's clock at an instant in milliseconds. */
export function clock(milliseconds) {
  return CLOCK.format(new Date(milliseconds));
}

/** An instant for a file: UTC, in ISO 8601. */
export function iso(seconds) {
  return seconds === null || seconds === undefined ? "" : new Date(seconds * 1000).toISOString();
}

/** How long so many seconds are, in the largest unit that fits. */
export function lasting(seconds) {
  const steps = [["day", 86_400], ["hour", 3600], ["minute", 60]];
  for (const [name, size] of steps) {
    if (seconds >= size) {
      const number = Math.round(seconds / size);
      return `${number} ${name}${number === 1 ? "" : "s"}`;
    }
  }
  return `${seconds} s`;
}

/** Whether a device is there, and since when. */
export function presence(of) {
  if (of === null) return h("span", { class: "none" }, "never heard");
  return h("span", { class: of.online ? "online" : "offline" }, of.online ? "online" : "silent since ", of.online ? null : time(of.since));
}

/** A long id as a short one that shows whole when it is pointed at. */
export function short(id) {
  return h("code", { title: id }, id.length > 14 ? `${id.slice(0, 12)}…` : id);
}

/** Who did something, as the books name them. */
export function who(name) {
  if (!name) return "a schedule";
  const [kind, rest = ""] = name.split(/:(.*)/s);
  if (kind === "token") return `token ${rest}`;
  if (kind === "shell") return `${rest} (command line)`;
  const [person, token] = rest.split("/token:");
  return token ? `${person} (token ${token})` : person || kind;
}
