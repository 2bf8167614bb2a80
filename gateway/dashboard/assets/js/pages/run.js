// One settlement run: what it came to, who decides, what was asked of the rails and what came of it.

import { all, get, post } from "../api.js";
import { transactionTable } from "../chain.js";
import { ask } from "../dialog.js";
import { every, h, replace } from "../dom.js";
import { field } from "../form.js";
import { flow } from "../flow.js";
import { accountLink } from "../links.js";
import { count, money, moneyText } from "../money.js";
import { button, empty, facts, figure, figures, head, section } from "../parts.js";
import { may } from "../session.js";
import { statementsOf } from "../statements.js";
import { moneyColumn, table } from "../table.js";
import { outcomeFields } from "../withdrawals.js";
import { state, time, who } from "../words.js";
import { runState } from "./settlements.js";

const LOOK_MS = 2_000;
const STEPS = ["posting", "posted", "instructed", "completed"];

export default async function run({ run: number }, signal) {
  const path = `/v1/settlements/${number}`;
  const read = async () => {
    const [found, asked, told] = await Promise.all([get(path, {}, signal), get(`${path}/instructions`, {}, signal), get(`${path}/statements`, {}, signal)]);
    const onChain = may("listChainTransactions") && asked.items.some((each) => each.rail === "evm");
    return [found, asked, told, onChain ? await all("/v1/chain/transactions", { run: number }) : null];
  };
  const [first, asked, told, sent] = await read();
  const again = () => look();
  const place = h("div");
  const top = h("div");
  const whole = h("div", { class: "panel" });
  const checked = h("div");
  const chain = h("div");
  const persons = h("div", { class: "panel" });
  const net = positions(first);
  const instructions = instructionTable(first, asked.items, again);
  const stated = statementsOf(number, told.items);
  let shown = "";
  const draw = (found, { items: rows }, { items: refs }, sent) => {
    const said = JSON.stringify([found, rows, refs, sent]);
    if (said === shown) return;
    shown = said;
    replace(top, glance(found, again));
    replace(whole, flow(found.positions));
    replace(checked, reconciliation(rows));
    replace(persons, decided(found));
    net.show(found.positions);
    instructions.show(rows);
    stated.show(refs);
    replace(chain, sent ? section("On the chain", transactionTable({ name: `transactions-run-${number}`, rows: sent }).element) : null);
  };
  const look = async () => draw(...(await read()));
  draw(first, asked, told, sent);
  replace(
    place,
    top,
    section("Gross and net", whole),
    section("Positions", net.element),
    section("Instructions and what came of them", checked, instructions.element),
    chain,
    section("Statements", stated.element),
    section("Who", persons),
  );
  setTimeout(() => void every(LOOK_MS, signal, () => look().then(() => place.classList.remove("stale"), () => place.classList.add("stale"))), LOOK_MS);
  return { title: `Run ${number}`, content: place };
}

function glance(found, again) {
  const { totals } = found;
  return [
    head(`Run ${found.run}`, {
      state: state(runState(found)),
      about: [`${found.currency}, until `, time(found.period_end, true), `, started by ${who(found.started_by)}`],
      actions: decisions(found, again),
    }),
    steps(found),
    figures(
      figure("Gross", money(totals.gross), `used on ${count(totals.channels)} channels`),
      figure("Net", money(totals.net), `left between ${count(totals.accounts)} accounts`),
      figure("To collect", money(totals.collect), "by its instructions"),
      figure("To pay", money(totals.pay), "by its instructions"),
    ),
  ];
}

function decided(found) {
  return facts(
    ["Started by", who(found.started_by)],
    ["Approval", found.approval ? "needs a second person" : "not needed"],
    found.decided_by ? [found.decision === "approved" ? "Approved by" : "Rejected by", [who(found.decided_by), ", ", time(found.decided_at, true)]] : null,
    ["Period", [time(found.period_start, true), " to ", time(found.period_end, true)]],
  );
}

function steps(found) {
  const here = { approved: "posted", rejected: "posted" }[found.state] ?? found.state;
  const at = STEPS.indexOf(here);
  const words = { posting: "Posting channels", posted: found.approval ? "Posted, approval" : "Posted", instructed: "Instructed", completed: "Completed" };
  return h("ol", { class: "steps", "aria-label": "Progress" }, STEPS.map((each, place) => h("li", { class: place < at ? "done" : place === at ? "here" : null, "aria-current": place === at ? "step" : null }, words[each])));
}

function decisions(found, then) {
  if (runState(found) !== "awaiting approval") return [];
  const path = `/v1/settlements/${found.run}`;
  return [
    may("approveSettlement") && button("Approve", () => ask({
      title: `Approve run ${found.run}?`,
      what: [`${moneyText(found.totals.net)} between ${found.totals.accounts} accounts goes to the rails at once.`, "Whoever started the run can't approve it."],
      action: "Approve the run",
      run: () => post(`${path}/approve`),
      then,
    }), "primary"),
    may("rejectSettlement") && button("Reject", () => ask({
      title: `Reject run ${found.run}?`,
      what: ["No money moves. What it would have moved is owed as before, and is carried into the next run."],
      action: "Reject the run",
      danger: true,
      run: () => post(`${path}/reject`),
      then,
    })),
  ];
}

function positions(found) {
  return table({
    name: `positions-run-${found.run}`,
    caption: "Positions",
    rows: found.positions,
    columns: [
      { label: "Account", cell: (row) => accountLink(row.account), value: (row) => row.account },
      ...[["Owes", "debits"], ["Is owed", "credits"], ["Fees", "fees"], ["Carried", "carried"], ["Net", "net"], ["From funds", "funds"], ["Instructed", "instructed"]].map(([words, name]) => moneyColumn(words, (row) => row[name])),
    ],
    search: { name: "account", label: "Search positions", placeholder: "Part of the account's id", of: (row) => row.account },
    empty: empty("No position yet", "Positions are there once every channel is posted."),
  });
}

function reconciliation(instructions) {
  const open = instructions.filter((each) => ["pending", "submitted"].includes(each.state)).length;
  const bad = instructions.filter((each) => ["failed", "returned"].includes(each.state)).length;
  if (instructions.length === 0) return null;
  const words = open + bad === 0 ? "Every instruction is done: what was asked for has moved." : [`${instructions.length - open - bad} of ${instructions.length} are done`, open ? `${open} open` : "", bad ? `${bad} failed or returned` : ""].filter(Boolean).join(", ") + ".";
  return h("p", { class: "said" }, words);
}

/** Nobody but two persons can say what came of what a rail never answered to. */
function conclude(row, then) {
  ask({
    title: "What came of it, now that its rail is gone?",
    what: [`${moneyText(row.amount)} by ${row.rail}. It is recorded once another person says the same; while the rail can be asked it is refused.`],
    fields: [
      field({ name: "outcome", label: "Outcome", kind: "select", options: [["done", "Done: the money has moved"], ["failed", "Failed: it has not moved"]] }),
      field({ name: "reason", label: "How that is known", maxlength: 500 }),
    ],
    action: "Say so",
    run: (values) => post(`/v1/instructions/${row.id}/conclude`, values),
    then,
  });
}

function instructionTable(found, rows, again) {
  const record = (row) => ask({
    title: `What became of the ${row.direction === "pay" ? "payment to" : "collection from"} ${row.account_id}?`,
    what: [`${moneyText(row.amount)} by ${row.rail}. Record only what the rail's own book says.`],
    fields: outcomeFields(),
    action: "Record",
    run: (values) => post(`/v1/settlements/${found.run}/outcomes`, { outcomes: [{ instruction: row.id, ...values }] }),
    then: again,
  });
  return table({
    name: `instructions-run-${found.run}`,
    caption: "Instructions",
    rows,
    search: { name: "account", label: "Search instructions", placeholder: "Account, state, rail or id", of: (row) => [row.account_id, row.state, row.direction, row.rail, row.id].join(" ") },
    columns: [
      { label: "Account", cell: (row) => accountLink(row.account_id), value: (row) => row.account_id },
      { label: "State", cell: (row) => state(row.state), value: (row) => row.state },
      { label: "Direction", cell: (row) => row.direction, value: (row) => row.direction },
      moneyColumn("Amount", (row) => row.amount),
      { label: "Rail", cell: (row) => row.rail, value: (row) => row.rail },
      { label: "Note", cell: (row) => row.note || "–", value: (row) => row.note },
      { label: "Id", cell: (row) => h("code", {}, row.id), value: (row) => row.id },
      ...(may("recordOutcomes") ? [{ label: "", actions: true, value: () => "", cell: (row) => (["submitted", "done"].includes(row.state) ? button("What came of it", () => record(row)) : row.state === "pending" && may("concludeInstruction") ? button("Its rail is gone", () => conclude(row, again)) : "") }] : []),
    ],
    empty: empty("Nothing is asked of a rail", "A run that waits for a second person asks once it is approved. If every account is even, or below the least amount, no money has to move."),
  });
}
