// One tariff, and which one its open channels go over to.

import { all, get, post, put, remove } from "../api.js";
import { ask, dialog } from "../dialog.js";
import { h } from "../dom.js";
import { field, graceField } from "../form.js";
import { accountLink, linkButton, tariffLink, to } from "../links.js";
import { cost, money } from "../money.js";
import { button, facts, head, loaded, section } from "../parts.js";
import { may } from "../session.js";
import { lasting, oneUnit, pricePer, state, time, units } from "../words.js";

/** What two tariffs must have in common for one to follow the other. */
const SAME = ["unit", "currency", "scale", "pricing", "payee_account", "fee_bp", "fee_account"];

export default async function tariff({ id }) {
  const found = await get(`/v1/tariffs/${id}`);
  const value = (amount) => money({ amount: String(amount), currency: found.currency, scale: found.scale });
  const content = h(
    "div",
    {},
    head(found.name, { state: state(found.status), about: pricePer(found), actions: [
      may("addTariff") ? linkButton(to.newTariff(id), "Add one like it") : null,
      may("retireTariff") && found.status === "active" ? button("Retire", () => retire(found)) : null,
    ] }),
    h("div", { class: "panel" }, facts(
      ["Exactly", [value(found.numerator), ` for ${found.denominator === "1" ? "one" : found.denominator} ${oneUnit(found.unit)}`]],
      ["Is paid to", accountLink(found.payee_account)],
      ["Pricing", found.pricing === "metered" ? "metered: an IOU's amount is what its units cost" : "open-ended: any amount"],
      ["Session fee", [money(found.session_fee), " once for each channel, with its first unit"]],
      ["Window", [units(found.window_units, found.unit), ", worth ", value(cost(found.window_units, found))]],
      ["The most that a channel may owe", money(found.max_capacity)],
      ["A channel lasts", lasting(found.max_lifetime_s)],
      ["Fee of the payee", found.fee_account ? [money(found.fee_fixed), ` and ${found.fee_bp} basis points to `, accountLink(found.fee_account)] : "none"],
      ["Added", time(found.created_at)],
      ["Tariff id", h("code", {}, found.id)],
    )),
    may("getFollower") && found.pricing === "metered" ? section("When its price changes", follower(found)) : null,
  );
  return { title: found.name, content };
}

function retire(found) {
  ask({
    title: `Retire ${found.name}?`,
    what: ["It is offered to no device any more. Channels that were opened under it keep it, and its price, until they end."],
    action: "Retire the tariff",
    danger: true,
    run: () => post(`/v1/tariffs/${found.id}/retire`),
    then: () => window.dispatchEvent(new HashChangeEvent("hashchange")),
  });
}

function follower(found) {
  const path = `/v1/tariffs/${found.id}/follower`;
  return loaded(() => get(path), ({ follower: next }, refresh) => [
    h("div", { class: "panel" }, h("p", {}, next
      ? [tariffLink(next.id, next.name), " follows it, at ", pricePer(next), ". Its open channels go over by their devices' own signed word, and new ones open by that one alone."]
      : "No tariff follows it: its channels keep its price until they end.")),
    h("div", { class: "buttons" },
      may("setFollower") ? button(next ? "Let another follow" : "Let a tariff follow", () => void follow(found, path, refresh)) : null,
      next && may("removeFollower") ? button("Let none follow", () => ask({
        title: `Shall ${next.name} follow ${found.name} no more?`,
        what: ["Channels that went over stay so. The others keep their price, and new ones open by it again."],
        action: "Let none follow",
        danger: true,
        run: () => remove(path),
        then: refresh,
      })) : null,
      h("a", { href: "#/tariffs" }, "Times of use")),
  ]).element;
}

async function follow(found, path, then) {
  const fitting = (await all("/v1/tariffs")).filter((each) => each.id !== found.id && each.fee_fixed.amount === found.fee_fixed.amount && SAME.every((name) => each[name] === found[name]));
  if (fitting.length === 0) {
    dialog("No tariff can follow it", (close) => [
      h("p", {}, "One that follows measures the same unit, is paid to the same account, and asks it for the same fees. Add one like it at another price first."),
      h("div", { class: "buttons" }, button("Close", close)),
    ]);
    return;
  }
  ask({
    title: `What follows ${found.name}?`,
    what: ["From now on its open channels are to go over to it, each by its device's own signed word. What was signed before is never priced anew."],
    fields: [field({ name: "follower_id", label: "Tariff", kind: "select", options: fitting.map((each) => [each.id, each.name]) }), graceField()],
    action: "Let it follow",
    run: (values) => put(path, values),
    then,
  });
}
