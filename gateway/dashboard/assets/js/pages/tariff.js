// One tariff.

import { get, post } from "../api.js";
import { ask } from "../dialog.js";
import { h } from "../dom.js";
import { accountLink } from "../links.js";
import { money, price } from "../money.js";
import { button, facts, head } from "../parts.js";
import { may } from "../session.js";
import { lasting, state, time, unitName, units } from "../words.js";

export default async function tariff({ id }) {
  const found = await get(`/v1/tariffs/${id}`);
  const retire = () => ask({
    title: `Retire ${found.name}?`,
    what: ["It is offered to no device any more. Channels that were opened under it keep it, and its price, until they end."],
    action: "Retire the tariff",
    danger: true,
    run: () => post(`/v1/tariffs/${id}/retire`),
    then: () => window.dispatchEvent(new HashChangeEvent("hashchange")),
  });
  const content = h(
    "div",
    {},
    head(found.name, { state: state(found.status), about: [price(found), ` for one ${unitName(found.unit)}`], actions: [may("retireTariff") && found.status === "active" ? button("Retire", retire) : null] }),
    h("div", { class: "panel" }, facts(
      ["Is paid to", accountLink(found.payee_account)],
      ["Pricing", found.pricing === "metered" ? "metered: an IOU's amount is what its units cost" : "open-ended: any amount"],
      ["Session fee", [money(found.session_fee), " once for each channel, with its first unit"]],
      ["Window", units(found.window_units, found.unit)],
      ["The most that a channel may owe", money(found.max_capacity)],
      ["How long a channel lasts", lasting(found.max_lifetime_s)],
      ["Fee of the payee", [money(found.fee_fixed), ` and ${found.fee_bp} basis points`, found.fee_account ? [" to ", accountLink(found.fee_account)] : null]],
      ["Added", time(found.created_at)],
      ["Tariff id", h("code", {}, found.id)],
    )),
  );
  return { title: found.name, content };
}
