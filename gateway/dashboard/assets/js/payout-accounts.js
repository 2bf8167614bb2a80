// Where an account is paid: proposed by one person, approved by another.

import { post } from "./api.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { field } from "./form.js";
import { button, empty } from "./parts.js";
import { may } from "./session.js";
import { table } from "./table.js";
import { iso, short, state, time, who } from "./words.js";

/** An account's payout accounts. */
export function payoutTable(id) {
  const path = `/v1/accounts/${id}/payout-accounts`;
  const list = table({
    name: `payout-accounts-${id}`,
    caption: "Where it is paid",
    path,
    columns: [
      { label: "Id", cell: (row) => short(row.id), value: (row) => row.id },
      { label: "State", cell: (row) => state(row.state), value: (row) => row.state },
      { label: "Rail", cell: (row) => row.rail, value: (row) => row.rail },
      { label: "Details", cell: (row) => details(row), value: (row) => details(row) },
      { label: "Proposed", cell: (row) => [time(row.proposed_at), ` by ${who(row.proposed_by)}`], value: (row) => iso(row.proposed_at), order: (row) => row.proposed_at },
      { label: "In force from", cell: (row) => (row.active_from === null ? "–" : time(row.active_from)), value: (row) => iso(row.active_from) },
      { label: "", actions: true, value: () => "", cell: decide },
    ],
    empty: empty("No payout account", "Without one the rail pays by what else it knows of the account, or people do it by hand."),
  });
  const then = () => list.refresh();
  function decide(row) {
    const act = (operation, words, what, danger = false) =>
      may(operation) ? button(words, () => ask({ title: `${words} ${row.id}?`, what, action: words, danger, run: () => post(`${path}/${row.id}/${words.toLowerCase()}`), then })) : null;
    if (row.state === "proposed") {
      return [
        act("approvePayoutAccount", "Approve", ["Money of this account goes there once the cooling period is over. Who proposed it can't approve it.", details(row)]),
        act("rejectPayoutAccount", "Reject", ["Nothing changes."], true),
      ];
    }
    return row.state === "active" ? act("retirePayoutAccount", "Retire", ["Nothing more is paid there, at once."], true) : "";
  }
  const propose = may("proposePayoutAccount")
    ? h("div", { class: "buttons" }, button("Propose a payout account", () => ask({
      title: "Where is this account to be paid?",
      what: ["Nothing changes before another person approves. One detail a line, as iban: DE02120300000000202051."],
      fields: [field({ name: "rail", label: "Rail", required: false, hint: "Empty: the gateway's own." }), field({ name: "details", label: "Details", kind: "area", read: pairs })],
      action: "Propose it",
      run: (values) => post(path, values),
      then,
    })))
    : null;
  return { element: h("div", {}, list.element, propose), refresh: list.refresh };
}

const details = (row) => Object.entries(row.details).map(([name, value]) => `${name} ${value}`).join(", ");

function pairs(text) {
  const found = {};
  for (const line of text.split("\n").map((each) => each.trim()).filter(Boolean)) {
    const match = /^([a-z_]+)\s*:\s*(.+)$/.exec(line);
    if (!match) throw new Error("must have one “name: value” a line");
    found[match[1]] = match[2];
  }
  return found;
}
