// Deposits that an account asks back, and what rails did with what they were asked.

import { post } from "./api.js";
import { ask } from "./dialog.js";
import { field } from "./form.js";
import { moneyText } from "./money.js";
import { button, empty } from "./parts.js";
import { may } from "./session.js";
import { moneyColumn, table } from "./table.js";
import { iso, state, time, who } from "./words.js";

/** An account's withdrawals; `standing` is refreshed once one was decided. */
export function withdrawalTable(id, standing) {
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
