// All tariffs, and when one follows another.

import { bands } from "../bands.js";
import { h } from "../dom.js";
import { accountLink, linkButton, tariffLink, to } from "../links.js";
import { listings } from "../listings.js";
import { empty, head, section } from "../parts.js";
import { pricesAhead } from "../prices-ahead.js";
import { may } from "../session.js";
import { moneyColumn, priceColumn, table } from "../table.js";
import { lasting, state, unitName, units } from "../words.js";

export default async function tariffs() {
  const list = table({
    name: "tariffs",
    caption: "Tariffs",
    path: "/v1/tariffs",
    kept: true,
    filters: [{ name: "status", label: "Status", options: [["active", "Active"], ["any", "Retired too"]] }],
    columns: [
      { label: "Name", cell: (row) => tariffLink(row.id, row.name), value: (row) => row.name },
      { label: "Status", cell: (row) => state(row.status), value: (row) => row.status },
      priceColumn((row) => row),
      moneyColumn("Session fee", (row) => row.session_fee),
      { label: "Unit", cell: (row) => unitName(row.unit), value: (row) => row.unit },
      { label: "Is paid", cell: (row) => accountLink(row.payee_account), value: (row) => row.payee_account },
      { label: "Window", number: true, cell: (row) => units(row.window_units, row.unit), value: (row) => row.window_units, order: (row) => row.window_units },
      moneyColumn("Most a channel owes", (row) => row.max_capacity),
      { label: "Channel lasts", number: true, cell: (row) => lasting(row.max_lifetime_s), value: (row) => row.max_lifetime_s, order: (row) => row.max_lifetime_s },
      { label: "Currency", cell: (row) => row.currency, value: (row) => row.currency },
    ],
    empty: empty("There is no tariff", "Devices open channels once there is one for the unit that they measure."),
  });
  const ahead = may("getPricesAhead") ? pricesAhead() : null;
  const content = h(
    "div",
    {},
    head("Tariffs", { about: "What a unit costs. A tariff is signed by the gateway and never changed: it is retired, and another one added.", actions: [may("addTariff") ? linkButton(to.newTariff(), "Add a tariff", "primary") : null] }),
    list.element,
    may("listBands") ? section("Times of use", bands(() => ahead?.refresh())) : null,
    ahead ? section("Prices ahead", ahead.element) : null,
    may("listListings") ? section("Sold by devices", listings()) : null,
  );
  return { title: "Tariffs", content };
}
