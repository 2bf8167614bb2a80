// Money is an integer of atomic units with a scale, and stays one: BigInt in, digits out. It never
// becomes a Number, which would round it.

import { h } from "./dom.js";

const LOCALE_DIGITS = { numberingSystem: "latn" };

/** The exact decimal of so many atomic units, as `-12.345000`. */
export function decimal(amount, scale) {
  const value = BigInt(amount);
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const sign = value < 0n ? "-" : "";
  return scale === 0 ? sign + whole : `${sign}${whole}.${digits.slice(-scale)}`;
}

/** Atomic units from what a person typed, in the viewer's way of writing or with a point.
 * Throws Error with a sentence for the person. */
export function atomic(text, scale) {
  const typed = text.trim().replace(/[\s'\u00a0\u202f]/g, "");
  const match = /^(\d{1,18})(?:[.,](\d{0,18}))?$/.exec(typed);
  if (!match) throw new Error("must be an amount, such as 12.50");
  const fraction = (match[2] ?? "").replace(/0+$/, "");
  if (fraction.length > scale) throw new Error(`must have at most ${scale} decimal places`);
  return (BigInt(match[1]) * 10n ** BigInt(scale) + BigInt(fraction.padEnd(scale, "0") || "0")).toString();
}

const formatters = new Map();

/** How the viewer writes this currency with so many decimal places (its usual ones, if null). */
function formatter(currency, places) {
  const key = `${currency} ${places}`;
  if (!formatters.has(key)) formatters.set(key, made(currency, places));
  return formatters.get(key);
}

function made(currency, places) {
  const digits = places === null ? {} : { minimumFractionDigits: places, maximumFractionDigits: places };
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency, ...digits, ...LOCALE_DIGITS });
  } catch {
    return null; // three capitals that are no currency of this browser's
  }
}

/** How many decimal places the currency usually has: two of EUR, none of JPY. */
function usualPlaces(currency) {
  return formatter(currency, null)?.resolvedOptions().maximumFractionDigits ?? 2;
}

/** The parts of an amount as the viewer writes it: `[text, minor]`, where `minor` marks digits
 * below the currency's usual ones. */
function parts({ amount, currency, scale }) {
  const value = BigInt(amount);
  const [whole, fraction = ""] = decimal(value < 0n ? -value : value, scale).split(".");
  const usual = usualPlaces(currency);
  const main = fraction.slice(0, usual).padEnd(usual, "0");
  const rest = fraction.slice(usual);
  const format = formatter(currency, main + rest === "" ? 0 : 1);
  if (format === null) return [[`${value < 0n ? "-" : ""}${whole}.${main}`, false], [rest, true], [` ${currency}`, false]];
  // The sign and the grouping come from a whole number that the viewer's locale has written.
  const signed = value < 0n ? -(BigInt(whole) || 1n) : BigInt(whole);
  const found = [];
  for (const part of format.formatToParts(signed)) {
    if (part.type === "fraction") found.push([main, false], [rest, true]);
    else if (part.type === "integer" && value < 0n && whole === "0") found.push(["0", false]);
    else found.push([part.value, false]);
  }
  return found;
}

/** An amount as text, with all its digits. */
export function moneyText(value) {
  return parts(value)
    .map(([text]) => text)
    .join("");
}

/** An amount as an element: all its digits, those below the usual ones set back. */
export function money(value) {
  if (value === null || value === undefined) return h("span", { class: "none" }, "none");
  const shown = h("span", { class: "money" });
  for (const [text, minor] of parts(value)) {
    if (text) shown.append(minor ? h("span", { class: "minor" }, text) : text);
  }
  return shown;
}

/** An amount without its sign. */
export function absolute(value) {
  return { ...value, amount: BigInt(value.amount).toString().replace("-", "") };
}

/** Amounts of one currency added up. */
export function sum(values, currency, scale) {
  const amount = values.reduce((total, each) => total + BigInt(each.amount), 0n);
  return { amount: amount.toString(), currency, scale };
}

/** How large `part` is of `whole` in thousandths, 0 to 1000, for drawing alone. */
export function share(part, whole) {
  const [a, b] = [BigInt(part), BigInt(whole)];
  if (b <= 0n) return a > 0n ? 1000 : 0;
  const found = (a * 1000n) / b;
  return Number(found < 0n ? 0n : found > 1000n ? 1000n : found);
}

/** The price of one unit as an amount of a greater scale, as far as 18 decimal places say it exactly,
 * else null. */
function priceOfOne({ numerator, denominator, currency, scale }) {
  const [n, d] = [BigInt(numerator), BigInt(denominator)];
  for (let more = 0; more <= 18 - scale; more += 1) {
    const raised = n * 10n ** BigInt(more);
    if (raised % d === 0n) return { amount: (raised / d).toString(), currency, scale: scale + more };
  }
  return null;
}

/** The price of one unit as an element. */
export function price(of) {
  const one = priceOfOne(of);
  return one ? money(one) : h("span", {}, money({ ...of, amount: of.numerator }), ` for ${count(of.denominator)}`);
}

/** The price of one unit for a file, in the currency: an exact decimal, or an exact fraction. */
export function exactPrice(of) {
  const one = priceOfOne(of);
  return one ? decimal(one.amount, one.scale) : `${of.numerator}/${BigInt(of.denominator) * 10n ** BigInt(of.scale)}`;
}

/** What so many units cost by a price, in atomic units: rounded down, once. */
export function cost(number, { numerator, denominator }) {
  return (BigInt(number) * BigInt(numerator)) / BigInt(denominator);
}

/** The most units that an amount pays for; null where they cost nothing. */
export function paidFor(amount, { numerator, denominator }) {
  const n = BigInt(numerator);
  return n === 0n ? null : ((BigInt(amount) + 1n) * BigInt(denominator) - 1n) / n;
}

const rounder = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3, ...LOCALE_DIGITS });

/** A number for the scale of a plot, where three digits are enough. */
export const rounded = (value) => rounder.format(value);

const counter = new Intl.NumberFormat(undefined, LOCALE_DIGITS);

/** A whole number as the viewer writes it. */
export function count(value) {
  return counter.format(BigInt(value));
}
