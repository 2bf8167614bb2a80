// All tariffs.

import { all, post } from "../api.js";
import { ask } from "../dialog.js";
import { h } from "../dom.js";
import { field, whole } from "../form.js";
import { accountLink, tariffLink } from "../links.js";
import { atomic, decimal, price } from "../money.js";
import { button, empty, head } from "../parts.js";
import { may } from "../session.js";
import { moneyColumn, table } from "../table.js";
import { lasting, state, unitName, units } from "../words.js";

export default async function tariffs() {
  const list = table({
    name: "tariffs",
    caption: "Tariffs",
    path: "/v1/tariffs",
    filters: [{ name: "status", label: "Status", options: [["active", "Active"], ["any", "Retired too"]] }],
    columns: [
      { label: "Name", cell: (row) => tariffLink(row.id, row.name), value: (row) => row.name },
      { label: "Status", cell: (row) => state(row.status), value: (row) => row.status },
      { label: "Price", number: true, cell: (row) => [price(row), ` / ${unitName(row.unit)}`], value: (row) => (row.denominator === "1" ? decimal(row.numerator, row.scale) : `${row.numerator}/${row.denominator}`) },
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
  const content = h(
    "div",
    {},
    head("Tariffs", { about: "What a unit costs. A tariff is signed by the gateway and never changed: it is retired, and another one added.", actions: [may("addTariff") ? button("Add a tariff", () => void add(list), "primary") : null] }),
    list.element,
  );
  return { title: "Tariffs", content };
}

async function add(list) {
  const accounts = await all("/v1/accounts");
  const payee = field({ name: "payee_account", label: "Is paid to", kind: "select", options: accounts.map((each) => [each.id, `${each.name} (${each.credit_limit.currency})`]), value: "operator" });
  const scale = () => accounts.find((each) => each.id === payee.input.value)?.credit_limit.scale ?? 6;
  const amount = (text) => atomic(text, scale());
  ask({
    title: "Add a tariff",
    what: ["Devices that measure this unit are offered it from now on. It can't be changed, only retired."],
    fields: [
      field({ name: "name", label: "Name", maxlength: 100 }),
      field({ name: "unit", label: "Unit", hint: "A UCUM code: W.h, By, s, or a counted thing such as {reading}.", maxlength: 16 }),
      payee,
      field({ name: "price", label: "Price of one unit", hint: "In the payee's currency, such as 0.0003.", read: amount }),
      field({ name: "session_fee", label: "Session fee", hint: "What a channel costs besides, once, with its first unit.", value: "0", read: amount }),
      field({ name: "window_units", label: "Window, in units", kind: "number", hint: "The most that is delivered unpaid: what either side can lose.", read: whole }),
      field({ name: "max_capacity", label: "The most that a channel may owe", read: amount }),
      field({ name: "days", label: "How long a channel lasts, in days", kind: "number", value: "30", read: whole }),
    ],
    action: "Add the tariff",
    run: ({ price: numerator, days, ...values }) => post("/v1/tariffs", { ...values, numerator, max_lifetime_s: days * 86_400 }),
    then: () => list.refresh(),
  });
}
