// One account: what it owes, its funds and limits, where it is paid, its runs, channels and statements.

import { get, patch, post } from "../api.js";
import { channelTable } from "../channel-table.js";
import { ask } from "../dialog.js";
import { every, h } from "../dom.js";
import { amountOf, field } from "../form.js";
import { decimal, money, moneyText } from "../money.js";
import { button, empty, figure, figures, head, loaded, section } from "../parts.js";
import { may } from "../session.js";
import { statements } from "../statements.js";
import { stick } from "../stick.js";
import { moneyColumn, table } from "../table.js";
import { iso, short, state, time, who } from "../words.js";

const LOOK_MS = 5_000;

export default async function account({ id }, signal) {
  const path = `/v1/accounts/${id}`;
  const found = await get(path);
  const standing = loaded(() => get(path), glance);
  const deposits = may("listDeposits") ? depositTable(id) : null;
  const withdrawals = may("listWithdrawals") ? withdrawalTable(id, standing) : null;
  const payouts = may("listPayoutAccounts") ? payoutTable(id) : null;
  const channels = may("listChannels") ? channelTable({ name: `channels-of-${id}`, query: () => ({ account: id }) }) : null;
  await standing.ready;
  setTimeout(() => void every(LOOK_MS, signal, () => Promise.all([standing.refresh(), channels?.refresh()])), LOOK_MS);
  const changed = () => Promise.all([standing, deposits, withdrawals, payouts].filter(Boolean).map((each) => each.refresh()));
  const content = h(
    "div",
    {},
    head(found.name, { state: state(found.status), about: ["Account ", h("code", {}, found.id)], actions: actions(found, changed) }),
    standing.element,
    may("listAccountStatements") ? section("Statements", statements(id)) : null,
    deposits ? section("Deposits", deposits.element) : null,
    withdrawals ? section("Withdrawals", withdrawals.element) : null,
    payouts ? section("Where it is paid", payouts.element) : null,
    channels ? section("Channels", channels.element) : null,
  );
  return { title: found.name, content };
}

function glance(found) {
  const limit = { ...found.credit_limit, amount: (BigInt(found.credit_limit.amount) + BigInt(found.funds.amount) - BigInt(found.held.amount)).toString() };
  const owed = BigInt(found.owed.amount);
  return [
    figures(
      figure(owed < 0n ? "Is owed, by the books" : "Owes, by the books", money({ ...found.owed, amount: (owed < 0n ? -owed : owed).toString() }), "posted and not paid yet"),
      figure("Exposure", money(found.exposure), "with what its live channels may come to"),
      figure("Funds", money(found.funds), BigInt(found.held.amount) > 0n ? [money(found.held), " of it held for withdrawals"] : "paid in and not used"),
      figure("Credit limit", money(found.credit_limit), [money(found.free), " free for channels"]),
    ),
    stick(found.exposure.amount, limit.amount, `Exposure: ${moneyText(found.exposure)} of ${moneyText(limit)}`),
  ];
}

function actions(found, changed) {
  const path = `/v1/accounts/${found.id}`;
  const { scale, currency } = found.credit_limit;
  const amount = (label, hint, value = "") => field({ name: "amount", label: `${label}, in ${currency}`, hint, value, read: amountOf(scale) });
  const then = changed;
  return [
    may("deposit") && button("Record a deposit", () => {
      const once = crypto.randomUUID();
      ask({
        title: `Money that ${found.name} has paid in`,
        what: ["Record it once it has arrived. The same reference again changes nothing."],
        fields: [amount("Amount"), field({ name: "reference", label: "Reference", hint: "The rail's own for this payment.", maxlength: 140 }), field({ name: "note", label: "Note", required: false, maxlength: 500 })],
        action: "Record the deposit",
        run: (values) => post(`${path}/deposits`, values, once),
        then,
      });
    }),
    may("withdraw") && button("Pay deposits back", () => {
      const once = crypto.randomUUID();
      ask({
        title: `Pay deposits back to ${found.name}?`,
        what: ["The amount is held from now on. It is paid once another person approves."],
        fields: [amount("Amount")],
        action: "Ask for the withdrawal",
        run: (values) => post(`${path}/withdrawals`, values, once),
        then,
      });
    }),
    may("changeAccount") && button("Credit limit", () => ask({
      title: `How much may ${found.name} owe?`,
      what: ["Channels that are open keep what they reserved."],
      fields: [field({ name: "credit_limit", label: `Credit limit, in ${currency}`, value: decimal(found.credit_limit.amount, scale), read: amountOf(scale) })],
      action: "Set the limit",
      run: (values) => patch(path, values),
      then,
    })),
    may("changeAccount") && found.status === "active" && button("Close", () => ask({
      title: `Close the account ${found.id}?`,
      what: ["It can open no channel any more. Open ones go on, and what it owes or is owed is settled as before."],
      action: "Close the account",
      danger: true,
      run: () => patch(path, { status: "closed" }),
      then: () => window.dispatchEvent(new HashChangeEvent("hashchange")),
    })),
  ];
}

function depositTable(id) {
  return table({
    name: `deposits-${id}`,
    caption: "Deposits",
    path: `/v1/accounts/${id}/deposits`,
    columns: [
      { label: "Recorded", cell: (row) => time(row.at), value: (row) => iso(row.at), order: (row) => row.at },
      moneyColumn("Amount", (row) => row.amount),
      { label: "Rail", cell: (row) => row.rail, value: (row) => row.rail },
      { label: "Reference", cell: (row) => row.reference, value: (row) => row.reference },
      { label: "Note", cell: (row) => row.note || "–", value: (row) => row.note },
      { label: "By", cell: (row) => who(row.recorded_by), value: (row) => row.recorded_by },
      { label: "Entry", number: true, cell: (row) => String(row.entry), value: (row) => row.entry, order: (row) => row.entry },
    ],
    empty: empty("Nothing was paid in", "An account with no credit limit can open channels once a deposit is recorded."),
  });
}

function withdrawalTable(id, standing) {
  const path = `/v1/accounts/${id}/withdrawals`;
  const list = table({
    name: `withdrawals-${id}`,
    caption: "Withdrawals",
    path,
    columns: [
      { label: "Number", cell: (row) => `Withdrawal ${row.number}`, value: (row) => row.number, order: (row) => row.number },
      { label: "State", cell: (row) => state(row.payout ?? row.state), value: (row) => row.payout ?? row.state },
      moneyColumn("Amount", (row) => row.amount),
      { label: "Asked for", cell: (row) => [time(row.requested_at), ` by ${who(row.requested_by)}`], value: (row) => iso(row.requested_at), order: (row) => row.requested_at },
      { label: "Note", cell: (row) => row.note || "–", value: (row) => row.note ?? "" },
      { label: "", actions: true, value: () => "", cell: decide },
    ],
    empty: empty("Nothing was asked back"),
  });
  function decide(row) {
    const then = () => Promise.all([list.refresh(), standing.refresh()]);
    if (row.state === "requested") {
      return [
        may("approveWithdrawal") ? button("Approve", () => ask({ title: `Approve withdrawal ${row.number}?`, what: [`${moneyText(row.amount)} goes to the rail at once. Who asked for it can't approve it.`], action: "Approve", run: () => post(`${path}/${row.number}/approve`), then })) : null,
        may("rejectWithdrawal") ? button("Reject", () => ask({ title: `Reject withdrawal ${row.number}?`, what: ["What it held is free again."], action: "Reject", danger: true, run: () => post(`${path}/${row.number}/reject`), then })) : null,
      ];
    }
    if (row.payout === "submitted" && may("recordWithdrawalOutcome")) {
      return button("What came of it", () => ask({ title: `What became of withdrawal ${row.number}?`, what: ["Record only what the rail's own book says."], fields: outcomeFields(), action: "Record", run: (values) => post(`${path}/${row.number}/outcome`, values), then }));
    }
    return "";
  }
  return list;
}

/** Fields for what a rail did with an instruction. */
export function outcomeFields() {
  return [
    field({ name: "outcome", label: "Outcome", kind: "select", options: [["done", "Done: the money has moved"], ["failed", "Failed: it has not moved"], ["returned", "Returned: it moved and came back"]] }),
    field({ name: "note", label: "Note", required: false, maxlength: 500 }),
  ];
}

function payoutTable(id) {
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
