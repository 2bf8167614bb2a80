// Settlement: what it would come to, starting it, when it happens by itself, and the runs so far.

import { all, get, post, put, remove } from "../api.js";
import { ask, dialog } from "../dialog.js";
import { every, h } from "../dom.js";
import { amountOf, field } from "../form.js";
import { flow } from "../flow.js";
import { accountLink, runLink } from "../links.js";
import { decimal } from "../money.js";
import { button, empty, head, section } from "../parts.js";
import { may } from "../session.js";
import { moneyColumn, table } from "../table.js";
import { iso, state, time, who } from "../words.js";

const LOOK_MS = 4_000;

/** What a person calls a run's state. */
export const runState = (row) => (row.state === "posted" && row.approval && row.decision === null ? "awaiting approval" : row.state);

export default async function settlements(_params, signal) {
  const list = table({
    name: "settlements",
    caption: "Settlement runs",
    path: "/v1/settlements",
    columns: [
      { label: "Run", cell: (row) => runLink(row.run), value: (row) => row.run, order: (row) => row.run },
      { label: "State", cell: (row) => state(runState(row)), value: runState },
      { label: "Currency", cell: (row) => row.currency, value: (row) => row.currency },
      { label: "Until", cell: (row) => time(row.period_end, true), value: (row) => iso(row.period_end), order: (row) => row.period_end },
      { label: "Of", cell: (row) => SCOPES[row.scope] ?? row.scope, value: (row) => row.scope },
      { label: "Started by", cell: (row) => who(row.started_by), value: (row) => row.started_by },
      { label: "Decided by", cell: (row) => (row.decided_by ? `${who(row.decided_by)}: ${row.decision}` : "–"), value: (row) => row.decided_by ?? "" },
    ],
    empty: empty("Nothing was settled yet", "A run closes the period and nets each account over all its channels. Look first at what it would come to."),
  });
  void every(LOOK_MS, signal, () => list.refresh());
  const times = may("listSchedules") ? scheduleTable() : null;
  const content = h(
    "div",
    {},
    head("Settlement", {
      about: "A run turns what channels have come to into one amount for each account: what it owes less what it is owed.",
      actions: [
        may("dryRun") ? button("What would it come to?", () => void ahead()) : null,
        may("settle") ? button("Settle now", () => settle(), "primary") : null,
      ],
    }),
    list.element,
    times ? section("When it happens by itself", times) : null,
  );
  return { title: "Settlement", content };
}

const SCOPES = { all: "everything", currency: "a currency", accounts: "named accounts" };

async function ahead() {
  const { runs } = await post("/v1/dry-run", {});
  dialog("What settling now would come to", (close) => [
    runs.length === 0 || runs.every((each) => each.positions.length === 0)
      ? h("p", {}, "Nothing is due: every channel is settled up to its last IOU.")
      : runs.map((each) => h("div", {}, h("p", { class: "said" }, `${each.currency}. Nothing of this is done.`), flow(each.positions))),
    h("div", { class: "buttons" }, button("Close", close)),
  ]);
}

function settle() {
  const once = crypto.randomUUID();
  ask({
    title: "Settle now?",
    what: ["The period is closed, what each channel has come to since the last run is posted, and each account is netted.", "Where the currency's schedule asks for it, money moves only once another person has approved. Payments go on meanwhile."],
    fields: [field({ name: "currency", label: "Currency", required: false, hint: "Empty: all that is due.", maxlength: 3 })],
    action: "Settle",
    run: (values) => post("/v1/settlements", values, once),
    then: ({ runs }) => {
      if (runs.length > 0) location.hash = `#/settlements/${runs[0].run}`;
      else dialog("Nothing was due", (close) => [h("p", {}, "Every channel is settled up to its last IOU."), h("div", { class: "buttons" }, button("Close", close))]);
    },
  });
}

function scheduleTable() {
  const rows = () => get("/v1/schedules").then(({ items }) => items);
  const list = table({
    name: "schedules",
    caption: "Schedules",
    load: rows,
    columns: [
      { label: "Of", cell: (row) => (/^[A-Z]{3}$/.test(row.subject) ? row.subject : accountLink(row.subject)), value: (row) => row.subject },
      { label: "Times", cell: (row) => (row.cron ? h("code", {}, row.cron) : "none"), value: (row) => row.cron },
      { label: "Time zone", cell: (row) => row.time_zone, value: (row) => row.time_zone },
      { label: "Next", cell: (row) => (row.next_due === null ? "–" : time(row.next_due)), value: (row) => iso(row.next_due), order: (row) => row.next_due ?? 0 },
      moneyColumn("Least amount", (row) => row.least_amount),
      moneyColumn("At once from", (row) => row.most_owed),
      { label: "Second person", cell: (row) => (row.approval ? ["approves", row.approval_end_by ? ` (${who(row.approval_end_by)} asks that it end)` : ""] : "not needed"), value: (row) => String(row.approval) },
      ...(may("removeSchedule") ? [{ label: "", actions: true, value: () => "", cell: (row) => [may("endApproval") && row.approval ? button("End approval", () => endApproval(row, again)) : null, button("Change", () => void change(row, again)), button("Remove", () => ask({ title: `Remove the schedule of ${row.subject}?`, what: ["It is settled only when somebody asks for it, or with its currency."], action: "Remove", danger: true, run: () => remove(`/v1/schedules/${row.subject}`), then: again }))] }] : []),
    ],
    empty: empty("No schedule", "Runs happen when somebody starts them. With a schedule they happen by themselves, and can ask for a second person's approval."),
  });
  const again = () => list.refresh();
  return [list.element, may("setSchedule") ? h("div", { class: "buttons" }, button("Set a schedule", () => void change(null, again))) : null];
}

function endApproval(row, then) {
  ask({
    title: `Shall runs of ${row.subject} wait for nobody any more?`,
    what: [row.approval_end_by ? `${who(row.approval_end_by)} has asked for it; it ends once another person does.` : "It ends once another admin asks for it too.", "Runs that wait by then go on waiting."],
    action: "Ask that it end",
    danger: true,
    run: () => post(`/v1/schedules/${row.subject}/end-approval`),
    then,
  });
}

async function change(row, then) {
  const accounts = await all("/v1/accounts");
  const currencies = [...new Map(accounts.map((each) => [each.credit_limit.currency, each.credit_limit.scale]))];
  const scales = new Map([...currencies, ...accounts.map((each) => [each.id, each.credit_limit.scale])]);
  const subject = field({ name: "subject", label: "Of", kind: "select", value: row?.subject, options: [...currencies.map(([each]) => [each, `all of ${each}`]), ...accounts.map((each) => [each.id, each.name])] });
  const amount = (text) => amountOf(scales.get(subject.input.value))(text);
  const shown = (value) => (value ? decimal(value.amount, value.scale) : "");
  ask({
    title: "When is it settled?",
    what: [],
    fields: [
      subject,
      field({ name: "cron", label: "Times, as cron has them", value: row?.cron ?? "", required: false, hint: "Minute, hour, day, month, weekday: 0 3 * * * is each night at three." }),
      field({ name: "time_zone", label: "Time zone", value: row?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone }),
      field({ name: "least_amount", label: "Least amount that is moved", value: shown(row?.least_amount) || "0", read: amount }),
      field({ name: "most_owed", label: "Settle at once from a debt of", value: shown(row?.most_owed), required: false, read: amount }),
      field({ name: "approval", label: "Does money wait for a second person?", kind: "select", value: String(row?.approval ?? false), options: [["false", "No"], ["true", "Yes: another person approves each run"]], read: (text) => text === "true" }),
    ],
    action: "Set the schedule",
    run: ({ subject: of, ...values }) => put(`/v1/schedules/${of}`, values),
    then,
  });
}

