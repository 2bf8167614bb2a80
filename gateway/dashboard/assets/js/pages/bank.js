// The bank's side: its files, money of which nobody knows what it was for, and corrections.

import { get, post } from "../api.js";
import { ask, dialog } from "../dialog.js";
import { h } from "../dom.js";
import { entryButton } from "../entry.js";
import { field, whole } from "../form.js";
import { button, empty, facts, figure, figures, head, loaded, section } from "../parts.js";
import { decimal, money } from "../money.js";
import { may } from "../session.js";
import { moneyColumn, table } from "../table.js";
import { iso, short, state, time, who } from "../words.js";

const LARGEST = 1_000_000;

export default async function bank() {
  const unmatched = may("listUnmatchedBookings") ? bookings() : null;
  const reversals = may("listReversals") ? corrections() : null;
  const balance = may("getTrialBalance") ? trial() : null;
  const content = h(
    "div",
    {},
    head("Bank and books", {
      about: "What the bank says happened, and what the books make of it.",
      actions: [
        may("takeBankFile") ? button("Take in a bank's file", () => choose(unmatched), "primary") : null,
        may("verifyBooks") ? button("Check the books", () => check()) : null,
      ],
    }),
    unmatched ? section("Without a known purpose", unmatched.element) : null,
    reversals ? section("Corrections", reversals.element) : null,
    balance ? section("Trial balance", balance) : null,
  );
  return { title: "Bank and books", content };
}

function choose(unmatched) {
  const input = h("input", { type: "file", accept: ".xml,text/xml,application/xml", id: "bank-file" });
  const content = {
    name: "content",
    input,
    element: h("div", { class: "field" }, h("label", { for: "bank-file" }, "File"), input, h("p", { class: "hint", id: "bank-file-said" }, "camt.053, camt.054 or pain.002, at most a megabyte. All of it is taken in, or nothing; the same file again changes nothing.")),
    read() {
      if (!input.files[0]) throw new Error("choose a file");
      if (input.files[0].size > LARGEST) throw new Error("is too large here: use tallystick settle bank");
      return input.files[0];
    },
    complain(message) {
      const said = document.getElementById("bank-file-said");
      said.className = message ? "wrong" : "hint";
      if (message) said.textContent = `File: ${message}`;
    },
  };
  ask({
    title: "Take in a bank's file",
    what: [],
    fields: [content],
    action: "Take it in",
    run: async ({ content: chosen }) => post("/v1/bank/files", { content: await chosen.text() }),
    then: (taken) => {
      void unmatched?.refresh();
      dialog(taken.known ? "This file was taken in before" : "The file is taken in", (close) => [facts(...Object.entries(taken.counts).map(([kind, number]) => [kind, String(number)])), h("div", { class: "buttons" }, button("Close", close))]);
    },
  });
}

function bookings() {
  const list = table({
    name: "unmatched-bookings",
    caption: "Bookings without a known purpose",
    path: "/v1/bank/unmatched",
    columns: [
      { label: "Booking", cell: (row) => short(row.id), value: (row) => row.id },
      { label: "Booked on", cell: (row) => row.booked_on, value: (row) => row.booked_on },
      { label: "Direction", cell: (row) => (row.direction === "in" ? "came in" : "went out"), value: (row) => row.direction },
      moneyColumn("Amount", (row) => row.amount),
      { label: "Party", cell: (row) => row.party || "–", value: (row) => row.party },
      { label: "Text", cell: (row) => row.text || row.end_to_end || "–", value: (row) => row.text },
      { label: "Why", cell: (row) => row.note, value: (row) => row.note },
      ...(may("assignBooking") ? [{ label: "", actions: true, value: () => "", cell: (row) => button("Say what it was", () => assign(row)) }] : []),
    ],
    empty: empty("Every booking has a known purpose", "What a bank's file holds and nobody can place would wait here."),
  });
  function assign(row) {
    ask({
      title: "What was this booking?",
      what: [h("p", {}, money(row.amount), ` ${row.direction === "in" ? "came in from" : "went out to"} ${row.party || "an unnamed party"}: ${row.text || "no text"}`)],
      fields: [
        field({ name: "kind", label: "It was", kind: "select", options: [["account", "money of this account"], ["instruction", "this instruction's payment or return"], ["duplicate_of", "this booking over again"]] }),
        field({ name: "id", label: "Its id" }),
      ],
      action: "Say so",
      run: ({ kind, id }) => post(`/v1/bank/bookings/${row.id}/assignment`, { [kind]: id }),
      then: () => list.refresh(),
    });
  }
  return list;
}

function corrections() {
  const list = table({
    name: "reversals",
    caption: "Corrections",
    path: "/v1/books/reversals",
    columns: [
      { label: "Number", cell: (row) => `Reversal ${row.number}`, value: (row) => row.number, order: (row) => row.number },
      { label: "State", cell: (row) => state(row.state), value: (row) => row.state },
      { label: "Entry", cell: (row) => entryButton(row.entry), value: (row) => row.entry, order: (row) => row.entry },
      { label: "Reason", cell: (row) => row.reason, value: (row) => row.reason },
      { label: "Proposed", cell: (row) => [time(row.proposed_at), ` by ${who(row.proposed_by)}`], value: (row) => iso(row.proposed_at), order: (row) => row.proposed_at },
      { label: "", actions: true, value: () => "", cell: decide },
    ],
    empty: empty("No entry was corrected", "Entries are never changed: a wrong one is undone by another, which two persons make."),
  });
  const then = () => list.refresh();
  function decide(row) {
    if (row.state !== "proposed") return "";
    const path = `/v1/books/reversals/${row.number}`;
    return [
      may("approveReversal") ? button("Approve", () => ask({ title: `Approve reversal ${row.number}?`, what: [`The entry that undoes entry ${row.entry} is posted. Who proposed it can't approve it.`], action: "Approve", run: () => post(`${path}/approve`), then })) : null,
      may("rejectReversal") ? button("Reject", () => ask({ title: `Reject reversal ${row.number}?`, what: ["Entry and books stay as they are."], action: "Reject", danger: true, run: () => post(`${path}/reject`), then })) : null,
    ];
  }
  const propose = () => {
    const once = crypto.randomUUID();
    ask({
      title: "Propose to reverse an entry",
      what: ["Nothing is posted before another person approves."],
      fields: [field({ name: "entry", label: "Entry", kind: "number", read: whole }), field({ name: "reason", label: "Reason", maxlength: 500 })],
      action: "Propose it",
      run: (values) => post("/v1/books/reversals", values, once),
      then,
    });
  };
  return { element: h("div", {}, list.element, may("proposeReversal") ? h("div", { class: "buttons" }, button("Propose a reversal", propose)) : null), refresh: list.refresh };
}

function trial() {
  const column = (words, name) => ({ label: words, number: true, cell: (row) => money({ amount: row[name], currency: row.currency, scale: row.scale }), value: (row) => decimal(row[name], row.scale), order: (row) => BigInt(row[name]) });
  const list = table({
    name: "trial-balance",
    caption: "Trial balance",
    path: "/v1/books/balance",
    columns: [
      { label: "Ledger account", cell: (row) => h("code", {}, row.account), value: (row) => row.account },
      { label: "Currency", cell: (row) => row.currency, value: (row) => row.currency },
      column("Posted", "posted"),
      column("Pending", "pending"),
      column("Reserved", "reserved"),
    ],
    empty: empty("Nothing was posted yet"),
  });
  const sums = loaded(() => get("/v1/books/balance", { limit: 1 }), ({ totals, entries }) => [
    h("p", { class: "said" }, `${entries} entries. Debits are positive.`),
    totals.length === 0 ? null : figures(...totals.map((each) => figure(`${each.currency} ${each.balanced ? "balances" : "does not balance"}`, money({ amount: each.debits, currency: each.currency, scale: each.scale }), "on either side"))),
  ]);
  return [sums.element, h("p", { class: "said" }), list.element];
}

function check() {
  dialog("Check the books", (close) => [
    loaded(() => get("/v1/books"), (found) => [
      h("p", {}, found.ok ? "The books balance, and every signature holds." : "Something is wrong."),
      facts(["Entries", String(found.entries)], ["Channels", String(found.channels)], ["Statements", String(found.statements)]),
      found.discrepancies.length > 0 ? h("ul", {}, found.discrepancies.map((each) => h("li", { class: "wrong" }, `${each.where}: ${each.what}`))) : null,
    ]).element,
    h("div", { class: "buttons" }, button("Close", close)),
  ]);
}
