// A tariff to add: its price as people write it, and the exact fraction before it is signed.

import { all, get, post } from "../api.js";
import { h } from "../dom.js";
import { amountOf, beside, field, form, whole } from "../form.js";
import { decimal } from "../money.js";
import { head } from "../parts.js";
import { asked } from "../router.js";
import { agreed, exactly, preview } from "../tariff-terms.js";

const DAY_S = 86_400;
const SPANS = [["3600", "hours"], [String(DAY_S), "days"]];
const PRICINGS = [["metered", "Metered: what its units cost"], ["open-ended", "Open-ended: any amount, as a tip"]];

export default async function tariffNew() {
  const like = asked().get("like");
  const [accounts, before] = await Promise.all([all("/v1/accounts"), like ? get(`/v1/tariffs/${like}`) : null]);
  const { shown, read, payee } = formFields(accounts.filter((each) => each.status === "active"), before);
  const built = form({ fields: shown, action: "Look it over", submit: (values) => submit(values, payee()) });
  const content = h(
    "div",
    {},
    head("Add a tariff", { about: "What one unit costs, and the bounds of channels that open by it." }),
    h("div", { class: "columns" },
      h("div", { class: "panel" }, built),
      h("section", { class: "follows", "aria-labelledby": "terms" }, h("h2", { id: "terms" }, "What will be signed"), preview(built, read, payee))),
  );
  return { title: "Add a tariff", content };
}

/** The fields, as they stand in `before`, another tariff, if there is one. */
function formFields(accounts, before) {
  const of = field({ name: "payee_account", label: "Is paid to", kind: "select", options: accounts.map((each) => [each.id, `${each.name} (${each.credit_limit.currency})`]), value: before?.payee_account ?? "operator", hint: "Its currency is the tariff's." });
  const account = () => accounts.find((each) => each.id === of.input.value);
  const amount = (text) => amountOf(account()?.credit_limit.scale ?? 0)(text);
  const digits = (value) => (value ? decimal(value.amount, value.scale) : "");
  const span = before && before.max_lifetime_s % DAY_S > 0 ? 3600 : DAY_S;
  const name = field({ name: "name", label: "Name", maxlength: 100, hint: "For people. No other active tariff may have it." });
  const unit = field({ name: "unit", label: "Unit", value: before?.unit, maxlength: 16, hint: "What devices count, as a UCUM code: W.h, L, By, s, {reading}." });
  const price = field({ name: "price", label: "Price", inputmode: "decimal", maxlength: 60, hint: "Such as 0.30." });
  const per = field({ name: "per", label: "per", value: "1", maxlength: 40, hint: "So many units, or another unit: kW.h, 100 MBy." });
  const session = field({ name: "session_fee", label: "Session fee", inputmode: "decimal", value: digits(before?.session_fee) || "0", hint: "What a channel costs besides, once, with its first unit.", read: amount });
  const unpaid = field({ name: "window_units", label: "Window, in units", kind: "number", value: before ? String(before.window_units) : "", hint: "The most that is delivered unpaid: what either side can lose.", read: whole });
  const capacity = field({ name: "max_capacity", label: "The most that a channel may owe", inputmode: "decimal", value: digits(before?.max_capacity), read: amount });
  const rest = [
    beside(
      field({ name: "lasts", label: "A channel lasts", kind: "number", value: String((before?.max_lifetime_s ?? 30 * DAY_S) / span), read: whole }),
      field({ name: "span", label: "in", kind: "select", value: String(span), options: SPANS, read: Number }),
    ),
    field({ name: "pricing", label: "Pricing", kind: "select", value: before?.pricing, options: PRICINGS }),
    beside(
      field({ name: "fee_fixed", label: "Fee of the payee", inputmode: "decimal", value: digits(before?.fee_fixed) || "0", hint: "Of each interval that is settled.", read: amount }),
      field({ name: "fee_bp", label: "and basis points", kind: "number", value: String(before?.fee_bp ?? 0), hint: "100 are 1 %.", read: whole }),
    ),
    field({ name: "fee_account", label: "Who earns the fee", kind: "select", required: false, value: before?.fee_account ?? "", options: [["", "The operator"], ...accounts.map((each) => [each.id, each.name])] }),
  ];
  const read = () => Object.fromEntries([name, unit, price, per, session, of, unpaid, capacity].map((each) => [each.name, soFar(each)]));
  return { shown: [name, of, unit, beside(price, per), session, unpaid, capacity, ...rest], read, payee: () => account()?.name };
}

/** What a field holds while it is typed; null where that is nothing yet. */
function soFar(of) {
  try {
    return of.read() ?? null;
  } catch {
    return null;
  }
}

async function submit({ price, per, lasts, span, ...values }, payee) {
  const exact = await exactly({ ...values, price, per });
  const { numerator, denominator } = exact;
  const body = { ...values, numerator, denominator, max_lifetime_s: lasts * span };
  if (!(await agreed({ ...body, ...exact }, payee))) return;
  const made = await post("/v1/tariffs", body);
  location.hash = `#/tariffs/${made.id}`;
}
