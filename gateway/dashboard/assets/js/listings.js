// What devices sell to each other, by their own signed offers.

import { post } from "./api.js";
import { ask } from "./dialog.js";
import { accountLink, deviceLink } from "./links.js";
import { button, empty } from "./parts.js";
import { may } from "./session.js";
import { moneyColumn, priceColumn, table } from "./table.js";
import { iso, lasting, oneUnit, state, time, unitName, units } from "./words.js";

/** What is sold, of one account or by all; as a table. */
export function listings(account = null) {
  const list = table({
    name: account ? `listings-of-${account}` : "listings",
    caption: "Sold by devices",
    path: "/v1/listings",
    query: () => (account ? { account_id: account } : {}),
    filters: [{ name: "state", label: "State", options: [["", "Any"], ["listed", "Listed"], ["ended", "Ended"]] }],
    columns: [
      { label: "Device", cell: (row) => deviceLink(row.device_id), value: (row) => row.device_id },
      { label: "State", cell: (row) => state(row.state), value: (row) => row.state },
      ...(account ? [] : [{ label: "For", cell: (row) => accountLink(row.account_id), value: (row) => row.account_id }]),
      priceColumn((row) => row),
      { label: "Unit", cell: (row) => unitName(row.unit), value: (row) => row.unit },
      { label: "Fee", number: true, cell: (row) => `${row.fee_bp} bp`, value: (row) => row.fee_bp, order: (row) => row.fee_bp },
      { label: "Window", number: true, cell: (row) => units(row.window_units, row.unit), value: (row) => row.window_units, order: (row) => row.window_units },
      moneyColumn("Most a channel owes", (row) => row.max_capacity),
      { label: "Channel lasts", number: true, cell: (row) => lasting(row.max_lifetime_s), value: (row) => row.max_lifetime_s, order: (row) => row.max_lifetime_s },
      { label: "Since", cell: (row) => time(row.created_at), value: (row) => iso(row.created_at), order: (row) => row.created_at },
      ...(may("endListing") ? [{ label: "", actions: true, value: () => "", cell: (row) => (row.state === "listed" ? button("End", () => end(row, () => list.refresh())) : "") }] : []),
    ],
    empty: empty("No device sells anything", "One whose board is set up to sell says so itself, and others are offered it."),
  });
  return list.element;
}

function end(row, then) {
  ask({
    title: "Shall nobody buy by this any more?",
    what: [`The device sells no ${oneUnit(row.unit)} at this price to anybody new. Channels that are open go on.`],
    action: "End the listing",
    danger: true,
    run: () => post(`/v1/listings/${row.id}/end`),
    then,
  });
}
