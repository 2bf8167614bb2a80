// All accounts.

import { post } from "../api.js";
import { ask } from "../dialog.js";
import { h } from "../dom.js";
import { amountOf, field, whole } from "../form.js";
import { accountLink } from "../links.js";
import { button, empty, head } from "../parts.js";
import { may } from "../session.js";
import { moneyColumn, table } from "../table.js";
import { iso, state, time } from "../words.js";

export default async function accounts() {
  const list = table({
    name: "accounts",
    caption: "Accounts",
    path: "/v1/accounts",
    kept: true,
    search: { name: "search", label: "Search", placeholder: "Name or beginning of id" },
    columns: [
      { label: "Account", cell: (row) => accountLink(row.id), value: (row) => row.id },
      { label: "Name", cell: (row) => row.name, value: (row) => row.name },
      { label: "Status", cell: (row) => state(row.status), value: (row) => row.status },
      moneyColumn("Credit limit", (row) => row.credit_limit),
      { label: "Currency", cell: (row) => row.credit_limit.currency, value: (row) => row.credit_limit.currency },
      { label: "Since", cell: (row) => time(row.created_at), value: (row) => iso(row.created_at), order: (row) => row.created_at },
    ],
    empty: empty("There is no account", "Add one for whoever owns devices: it is what money is settled with."),
  });
  const content = h(
    "div",
    {},
    head("Accounts", { about: "Owners of devices. Money is settled with accounts alone, each in one currency.", actions: [may("addAccount") ? button("Add an account", () => add(list), "primary") : null] }),
    list.element,
  );
  return { title: "Accounts", content };
}

function add(list) {
  const scale = field({ name: "scale", label: "Decimal places", kind: "number", value: "6", read: whole, hint: "Of its smallest amount: 6 is a millionth. All accounts of a currency have the same." });
  ask({
    title: "Add an account",
    what: [],
    fields: [
      field({ name: "id", label: "Id", hint: "1 to 40 of a to z, 0 to 9 and -; it can't be changed.", maxlength: 40 }),
      field({ name: "name", label: "Name", maxlength: 100 }),
      field({ name: "currency", label: "Currency", value: "EUR", hint: "Three capitals, as EUR.", maxlength: 3 }),
      scale,
      field({ name: "credit_limit", label: "Credit limit", value: "0", hint: "The most it may owe before it has paid in.", read: (text) => amountOf(scale.read())(text) }),
    ],
    action: "Add the account",
    run: (values) => post("/v1/accounts", values),
    then: () => list.refresh(),
  });
}
