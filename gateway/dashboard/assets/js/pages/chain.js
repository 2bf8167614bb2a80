// The chain that the gateway settles on: how it stands, what was deposited, and what was sent.

import { get } from "../api.js";
import { coin, depositTable, transactionTable } from "../chain.js";
import { every, h } from "../dom.js";
import { link } from "../links.js";
import { count, money } from "../money.js";
import { empty, facts, figure, figures, head, loaded, section } from "../parts.js";
import { may } from "../session.js";
import { lasting, state, time } from "../words.js";

const LOOK_MS = 3_000;
const LATE_S = 60;
const about = "Accounts deposit in a contract on a chain, and a run is settled there by one transaction.";

export default async function chain(_params, signal) {
  const ask = async () => (await get("/v1/chain", {}, signal)).items[0];
  const found = await ask();
  if (!found) return { title: "Chain", content: h("div", {}, head("Chain", { about }), h("div", { class: "empty" }, none())) };
  const standing = loaded(ask, stands);
  const deposits = may("listChainDeposits") ? depositTable({ name: "chain-deposits", nothing: noDeposit(found) }) : null;
  const transactions = may("listChainTransactions") ? transactionTable({ name: "chain-transactions" }) : null;
  await standing.ready;
  const again = () => Promise.all([standing, deposits, transactions].filter(Boolean).map((each) => each.refresh()));
  setTimeout(() => void every(LOOK_MS, signal, again), LOOK_MS);
  const content = h(
    "div",
    {},
    head("Chain", { about }),
    standing.element,
    deposits ? section("Deposits", deposits.element) : null,
    transactions ? section("Transactions", transactions.element) : null,
  );
  return { title: "Chain", content };
}

const none = empty(
  "This gateway settles on no chain",
  "With a table ", h("code", {}, "[rails.evm]"), " in its settings owners deposit in a contract, which backs their channels, and runs are settled there. ",
  h("code", {}, "tallystick chain key"), " and ", h("code", {}, "tallystick chain deploy"), " are the first steps.",
);

function noDeposit({ contract, currency }) {
  return empty(
    "Nobody has deposited yet",
    `An account in ${currency} names its address as a payout account by the rail evm, which a second person approves (`, link("#/accounts", "on the account's page"),
    "). What its owner then deposits at ", h("code", {}, contract), " shows here, and backs its channels once it is final.",
  );
}

function stands(found) {
  return [health(found), found.seen ? glance(found) : null, h("div", { class: "panel" }, facts(...where(found)))];
}

function health({ at, looked_at: looked, trouble, seen }) {
  if (looked === null) return h("p", { class: "said" }, "The gateway has not looked at the chain yet. It does so every few seconds while it serves.");
  const ago = (then) => `${lasting(Math.max(0, at - then))} ago`;
  if (trouble) return h("p", { class: "trouble", role: "alert" }, `The chain can't be seen: ${trouble}. `, seen ? `What is shown was seen ${ago(seen.at)}.` : "Nothing was seen so far.");
  const late = at - looked > LATE_S;
  return h("p", { class: late ? "trouble" : "said", role: late ? "alert" : null }, `The gateway looked ${ago(looked)}; the last block was ${ago(seen.head.at)}.`);
}

function glance({ at, confirmations, seen }) {
  const gas = BigInt(seen.gas_balance);
  const signed = seen.recorded - seen.settlements;
  return figures(
    figure("Last block", count(seen.head.number), `${lasting(Math.max(0, at - seen.head.at))} old`),
    figure("Final up to", count(seen.confirmed), `what is ${confirmations} ${confirmations === 1 ? "block" : "blocks"} deep`),
    figure("Settlements", count(seen.settlements), signed > 0 ? `${count(signed)} more signed, not there yet` : "all that were signed"),
    figure("Held", money(seen.held), ["the operator's bond of ", money(seen.bond), " with it"]),
    figure("For gas", coin(seen.gas_balance), gas > 0n ? "of the chain's coin, at the gateway's key" : "Nothing is left: send some of the chain's coin to the gateway's key"),
  );
}

function where({ chain_id: id, contract, nodes, seen }) {
  const code = (text) => h("code", {}, text);
  return [
    ["Chain", String(id)],
    ["Contract", [code(contract), seen?.paused ? [" ", state("paused")] : null]],
    seen ? ["Token", code(seen.token)] : null,
    seen ? ["Gateway's key", code(seen.signer)] : null,
    ...nodes.map((each) => [`Node ${each.host}`, each.trouble ? h("span", { class: "offline" }, each.trouble) : h("span", { class: "online" }, `has block ${count(each.head)}`)]),
    seen ? ["Seen", time(seen.at, true)] : null,
  ];
}
