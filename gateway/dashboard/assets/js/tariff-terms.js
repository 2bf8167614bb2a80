// What a tariff will hold once it is signed: shown while it is written, and before it is.

import { get } from "./api.js";
import { dialog } from "./dialog.js";
import { h, replace } from "./dom.js";
import { cost, count, money, paidFor } from "./money.js";
import { button, facts, wrong } from "./parts.js";
import { lasting, oneUnit, pricePer, unitName, units } from "./words.js";

const TYPING_MS = 250;

/** What a price as people write it comes to, exactly, as the gateway says. */
export const exactly = ({ price, per, unit, payee_account }, signal) =>
  get("/v1/price", { price: price.replace(",", "."), per, unit, payee_account }, signal);

/** A tariff's terms as far as they are known: `of` is a tariff as the API has it, `payee` a name. */
function terms(of, payee) {
  const value = (amount) => money({ amount: String(amount), currency: of.currency, scale: of.scale });
  const most = of.max_capacity ? paidFor(of.max_capacity, of) : null;
  const fee = of.fee_fixed && (of.fee_fixed !== "0" || of.fee_bp > 0);
  return facts(
    ["Price", h("span", { class: "large" }, pricePer(of))],
    ["Exactly", [h("code", {}, `${of.numerator}/${of.denominator}`), ` of ${atom(of)} for one ${oneUnit(of.unit)}`]],
    of.session_fee && of.session_fee !== "0" ? ["Session fee", [value(of.session_fee), " once for each channel"]] : null,
    ["Is paid to", payee],
    of.window_units ? ["Unpaid at most", [units(of.window_units, of.unit), ", worth ", value(cost(of.window_units, of))]] : null,
    most === null ? null : ["A channel pays for", `${count(most)} ${most === 1n ? oneUnit(of.unit) : unitName(of.unit)} at most`],
    of.max_lifetime_s ? ["A channel lasts", lasting(of.max_lifetime_s)] : null,
    fee ? ["Fee of the payee", [value(of.fee_fixed), ` and ${of.fee_bp} basis points, to ${of.fee_account ?? "operator"}`]] : null,
  );
}

/** The currency's atomic unit in words. */
function atom({ currency, scale }) {
  return scale === 0 ? currency : `10⁻${[...String(scale)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")} ${currency}`;
}

/** A place that shows the terms while they are typed into `form`. `read()` is what is there:
 * price, per, unit and payee_account must be, the rest may; `payee()` the payee's name. */
export function preview(form, read, payee) {
  const waits = h("p", { class: "none" }, "Once there are a price and its unit, the exact fraction that the tariff will hold is shown here.");
  const place = h("div", { class: "panel", "aria-live": "polite" }, waits);
  let turn = 0;
  let timer = 0;
  const look = async () => {
    const mine = (turn += 1);
    const typed = read();
    if (!typed.price || !typed.per || !typed.unit || !typed.payee_account) return replace(place, waits);
    try {
      const exact = await exactly(typed);
      if (mine === turn) replace(place, terms({ ...typed, ...exact }, payee()));
    } catch (error) {
      if (mine === turn) replace(place, error.fields?.size > 0 ? h("p", { class: "none" }, [...error.fields].map(([name, message]) => `${name}: ${message}`).join("; ")) : wrong(error));
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(), TYPING_MS);
  });
  void look();
  return place;
}

/** Whether whoever sees the terms whole wants them signed. */
export function agreed(of, payee) {
  return new Promise((resolve) => {
    let yes = false;
    const sign = (close) => {
      yes = true;
      close();
    };
    dialog(`Sign the tariff ${of.name}?`, (close) => [
      h("p", {}, "The gateway signs it, and devices that measure this unit are offered it. It can't be changed then, only retired."),
      terms(of, payee),
      h("div", { class: "buttons" }, button("Sign and offer it", () => sign(close), "primary"), button("Back", close, "quiet")),
    ], { onclose: () => resolve(yes) });
  });
}
