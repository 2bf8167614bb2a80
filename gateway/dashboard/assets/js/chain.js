// What is shown of a chain wherever it is: deposits, transactions, addresses, and its coin.

import { h } from "./dom.js";
import { accountLink, link, runLink } from "./links.js";
import { count, decimal } from "./money.js";
import { empty } from "./parts.js";
import { may } from "./session.js";
import { moneyColumn, table } from "./table.js";
import { iso, short, state, time } from "./words.js";

const COIN_SCALE = 18;
const COIN_DIGITS = 4;

/** Wei as so much of the chain's coin: all its digits, those after the first few set back. */
export function coin(wei) {
  const [whole, fraction] = decimal(wei, COIN_SCALE).split(".");
  const digits = fraction.replace(/0+$/, "").padEnd(COIN_DIGITS, "0");
  return h("span", { class: "coin" }, `${count(whole)}.${digits.slice(0, COIN_DIGITS)}`, h("span", { class: "minor" }, digits.slice(COIN_DIGITS)));
}

/** How many of the blocks that it needs a deposit has. */
export function depth({ confirmations, confirmations_needed: needed }) {
  const words = `${confirmations} of ${needed}`;
  return h("span", { class: "depth" }, h("progress", { max: needed, value: confirmations, "aria-label": `${words} confirmations` }), words);
}

/** Deposits in the contract; `query()` may narrow them to an account's. */
export function depositTable({ name, query, nothing }) {
  return table({
    name,
    caption: "Deposits on the chain",
    path: "/v1/chain/deposits",
    query,
    columns: [
      { label: "Account", cell: (row) => (row.account_id ? accountLink(row.account_id) : h("span", { class: "none" }, "of no account")), value: (row) => row.account_id ?? "" },
      { label: "State", cell: (row) => state(row.state), value: (row) => row.state },
      { label: "Confirmations", cell: depth, value: (row) => row.confirmations, order: (row) => row.confirmations },
      moneyColumn("Amount", (row) => row.amount),
      { label: "Deposited", cell: (row) => time(row.at), value: (row) => iso(row.at), order: (row) => row.at },
      { label: "Address", cell: (row) => short(row.owner), value: (row) => row.owner },
      { label: "Block", number: true, cell: (row) => count(row.block), value: (row) => row.block, order: (row) => row.block },
      { label: "Transaction", cell: (row) => short(row.transaction), value: (row) => row.transaction },
    ],
    empty: nothing,
  });
}

const of = (row) => (row.run === null ? row.batch : `Run ${row.run}`);

function cost(row) {
  return row.fee === null ? "–" : coin(row.fee);
}

/** Transactions of the gateway's rail: all that there are, or the `rows` of one run. */
export function transactionTable({ name, rows }) {
  const number = (label, field) => ({ label, number: true, cell: (row) => (row[field] === null ? "–" : count(row[field])), value: (row) => row[field] ?? "", order: (row) => row[field] ?? -1 });
  return table({
    name,
    caption: "Transactions on the chain",
    ...(rows ? { rows } : { path: "/v1/chain/transactions" }),
    columns: [
      { label: "Of", cell: (row) => (row.run === null ? h("code", {}, row.batch) : runLink(row.run)), value: of },
      { label: "State", cell: (row) => state(row.state), value: (row) => row.state },
      { label: "Transaction", cell: (row) => short(row.hash), value: (row) => row.hash },
      number("Settlement", "settlement"),
      number("Nonce", "nonce"),
      number("Block", "block"),
      number("Gas", "gas"),
      { label: "Fee", number: true, cell: cost, value: (row) => (row.fee === null ? "" : decimal(row.fee, COIN_SCALE)), order: (row) => BigInt(row.fee ?? 0) },
    ],
    empty: empty("Nothing was sent yet", "A run becomes one transaction once it is handed to the rail. ", may("listSettlements") ? link("#/settlements", "Settle") : "Settle", ", and it shows here."),
  });
}
