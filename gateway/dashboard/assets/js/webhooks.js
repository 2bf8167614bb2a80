// Where events are sent to other programs: adding and removing, secrets, what came of each.

import { post, remove } from "./api.js";
import { ask, dialog, tellOnce } from "./dialog.js";
import { h } from "./dom.js";
import { field, whole } from "./form.js";
import { button, empty } from "./parts.js";
import { may } from "./session.js";
import { table } from "./table.js";
import { iso, state, time } from "./words.js";

/** The list of webhooks, and what can be done with each. */
export function webhooks() {
  const list = table({
    name: "webhooks",
    caption: "Webhooks",
    path: "/v1/webhooks",
    columns: [
      { label: "Address", cell: (row) => row.url, value: (row) => row.url },
      { label: "State", cell: (row) => state(row.state === "enabled" && row.failing_since !== null ? "failing" : row.state), value: (row) => row.state },
      { label: "Events", cell: (row) => (row.kinds.length > 0 ? row.kinds.join(", ") : "all"), value: (row) => row.kinds.join(" ") },
      { label: "Nothing taken since", cell: (row) => (row.failing_since === null ? "–" : time(row.failing_since)), value: (row) => iso(row.failing_since) },
      { label: "", actions: true, value: () => "", cell: (row) => actions(row, () => list.refresh()) },
    ],
    empty: empty("Events are sent nowhere", "A webhook sends them, signed, to a program of yours as they happen."),
  });
  const add = () => ask({
    title: "Send events to a program",
    what: ["Each is signed with a secret that you are told once, and sent again until it is taken."],
    fields: [
      field({ name: "url", label: "Address", hint: "https, and reachable from the gateway." }),
      field({ name: "kinds", label: "Events", required: false, hint: "Kinds with a comma between, as run.awaiting_approval; empty for all.", read: (text) => text.split(/[\s,]+/).filter(Boolean) }),
    ],
    action: "Add the webhook",
    run: (values) => post("/v1/webhooks", values),
    then: (made) => tellSecret(made, () => list.refresh()),
  });
  return [list.element, may("addWebhook") ? h("div", { class: "buttons" }, button("Add a webhook", add)) : null];
}

function tellSecret(made, then) {
  tellOnce("The webhook's secret", "Whoever has it can make events that look like the gateway's. It is told this once.", [["Secret", made.secret]], then);
}

function actions(row, then) {
  const path = `/v1/webhooks/${row.id}`;
  return [
    may("listDeliveries") && button("Sent", () => deliveries(row)),
    row.state === "disabled" && may("enableWebhook") && button("Send again", () => ask({ title: "Send there again?", what: [row.url, "What waits goes first."], action: "Send again", run: () => post(`${path}/enable`), then })),
    may("replayWebhook") && button("Replay", () => ask({
      title: "Send events again",
      what: ["Those that are kept, by their ids; 1000 at most."],
      fields: [field({ name: "first", label: "From", kind: "number", read: whole }), field({ name: "last", label: "To", kind: "number", read: whole })],
      action: "Send them",
      run: (values) => post(`${path}/replay`, values),
      then,
    })),
    may("rotateWebhookSecret") && button("New secret", () => ask({ title: "Another secret?", what: ["For a day events are signed by both."], action: "Make a new secret", run: () => post(`${path}/rotate`), then: (made) => tellSecret(made, then) })),
    may("removeWebhook") && button("Remove", () => ask({ title: "Send nothing more there?", what: [row.url], action: "Remove the webhook", danger: true, run: () => remove(path), then })),
  ].filter(Boolean);
}

function deliveries(row) {
  const list = table({
    name: `deliveries-${row.id}`,
    caption: "What was sent",
    path: `/v1/webhooks/${row.id}/deliveries`,
    columns: [
      { label: "Event", cell: (each) => String(each.event_id), value: (each) => each.event_id, order: (each) => each.event_id },
      { label: "State", cell: (each) => state(each.state), value: (each) => each.state },
      { label: "Attempts", number: true, cell: (each) => String(each.attempts), value: (each) => each.attempts, order: (each) => each.attempts },
      { label: "What came of it", cell: (each) => each.said || "–", value: (each) => each.said },
      { label: "Last tried", cell: (each) => (each.at === null ? "–" : time(each.at, true)), value: (each) => iso(each.at) },
    ],
    empty: empty("Nothing was sent yet"),
  });
  dialog(`Sent to ${row.url}`, (close) => [list.element, h("div", { class: "buttons" }, button("Close", close))]);
}
