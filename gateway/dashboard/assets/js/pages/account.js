// One account: what it owes, its funds and limits, where it is paid, its runs, channels and statements.

import { get, patch, post } from "../api.js";
import { depositTable as chainTable } from "../chain.js";
import { channelTable } from "../channel-table.js";
import { ask } from "../dialog.js";
import { every, h } from "../dom.js";
import { entryButton } from "../entry.js";
import { amountOf, field } from "../form.js";
import { link, to } from "../links.js";
import { listings } from "../listings.js";
import { decimal, money, moneyText } from "../money.js";
import { button, empty, figure, figures, head, loaded, section } from "../parts.js";
import { payoutTable } from "../payout-accounts.js";
import { personal } from "../personal.js";
import { may } from "../session.js";
import { statements } from "../statements.js";
import { stick } from "../stick.js";
import { moneyColumn, table } from "../table.js";
import { withdrawalTable } from "../withdrawals.js";
import { iso, state, time, who } from "../words.js";

const LOOK_MS = 5_000;

export default async function account({ id }, signal) {
  const path = `/v1/accounts/${id}`;
  const found = await get(path);
  const standing = loaded(() => get(path), glance);
  const deposits = may("listDeposits") ? depositTable(id) : null;
  const withdrawals = may("listWithdrawals") ? withdrawalTable(id, standing) : null;
  const payouts = may("listPayoutAccounts") ? payoutTable(id) : null;
  const onChain = may("listChainDeposits") ? await chainDeposits(id) : null;
  const channels = may("listChannels") ? channelTable({ name: `channels-of-${id}`, query: () => ({ account: id }) }) : null;
  await standing.ready;
  setTimeout(() => void every(LOOK_MS, signal, () => Promise.all([standing.refresh(), channels?.refresh()])), LOOK_MS);
  const changed = () => Promise.all([standing, deposits, onChain, withdrawals, payouts].filter(Boolean).map((each) => each.refresh()));
  const content = h(
    "div",
    {},
    head(found.name, { state: state(found.status), about: ["Account ", h("code", {}, found.id), may("listDevices") ? [", ", link(to.devicesOf(id), "its devices")] : null], actions: actions(found, changed) }),
    standing.element,
    may("listAccountStatements") ? section("Statements", statements(id)) : null,
    deposits ? section("Deposits", deposits.element) : null,
    onChain ? section("Deposits on the chain", onChain.element) : null,
    withdrawals ? section("Withdrawals", withdrawals.element) : null,
    payouts ? section("Where it is paid", payouts.element) : null,
    channels ? section("Channels", channels.element) : null,
    may("listListings") ? section("Sold by its devices", listings(id)) : null,
    may("exportAccount") ? section("Personal data", personal(found)) : null,
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
      { label: "Entry", cell: (row) => entryButton(row.entry), value: (row) => row.entry, order: (row) => row.entry },
    ],
    empty: empty("Nothing was paid in", "An account with no credit limit can open channels once a deposit is recorded."),
  });
}

/** What the account has deposited in a contract; nothing is said of that where it has not. */
async function chainDeposits(id) {
  const query = () => ({ account: id });
  const { items } = await get("/v1/chain/deposits", { ...query(), limit: 1 });
  if (items.length === 0) return null;
  return chainTable({ name: `chain-deposits-${id}`, query, nothing: empty("Nothing is deposited on the chain") });
}
