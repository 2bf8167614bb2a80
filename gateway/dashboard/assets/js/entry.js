// A journal entry: its lines, which balance.

import { get } from "./api.js";
import { dialog } from "./dialog.js";
import { h } from "./dom.js";
import { decimal, money } from "./money.js";
import { button, empty, facts, loaded } from "./parts.js";
import { may } from "./session.js";
import { table } from "./table.js";
import { time } from "./words.js";

/** The number of an entry; it opens the entry for whoever may see the books. */
export function entryButton(number) {
  if (number === null) return "–";
  return may("getEntry") ? h("button", { type: "button", class: "inline", onclick: () => show(number) }, `Entry ${number}`) : `Entry ${number}`;
}

function show(number) {
  dialog(`Entry ${number}`, (close) => [
    loaded(() => get(`/v1/books/entries/${number}`), (found) => [
      facts(["Kind", found.kind], ["Posted", time(found.at, true)], ["Reference", h("code", {}, found.reference)], found.memo ? ["Memo", found.memo] : null),
      h("h3", { class: "second" }, "Lines"),
      lines(number, found),
      h("p", { class: "said" }, "Debits are positive. Hash ", h("code", {}, found.hash)),
    ]).element,
    h("div", { class: "buttons" }, button("Close", close)),
  ]);
}

function lines(number, { postings }) {
  return table({
    name: `entry-${number}`,
    caption: "Lines",
    rows: postings,
    columns: [
      { label: "Ledger account", cell: (row) => h("code", {}, row.account), value: (row) => row.account },
      { label: "Amount", number: true, cell: (row) => money(row), value: (row) => decimal(row.amount, row.scale), order: (row) => BigInt(row.amount) },
    ],
    empty: empty("No line"),
  }).element;
}
