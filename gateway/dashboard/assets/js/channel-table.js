// A list of channels, for all of them and for those of a device or an account.

import { closing } from "./channel-actions.js";
import { accountLink, channelLink, deviceLink } from "./links.js";
import { empty } from "./parts.js";
import { may } from "./session.js";
import { moneyColumn, table } from "./table.js";
import { iso, state, time, units } from "./words.js";

/** Channels that fit a query; `device: false` leaves the device and its account out, `close` lets
 * each be closed here, `kept` keeps the filters in the address. */
export function channelTable({ name, query, device = true, close = false, kept = false, filters = [], search = undefined }) {
  const list = table({
    name,
    caption: "Channels",
    path: "/v1/channels",
    kept,
    query,
    search,
    filters: [...filters, { name: "state", label: "State", options: [["", "Any"], ["open", "Open"], ["frozen", "Frozen"], ["closed", "Closed"]] }],
    columns: [
      { label: "Channel", cell: (row) => channelLink(row.id), value: (row) => row.id },
      { label: "State", cell: (row) => state(row.state), value: (row) => row.state },
      ...(device ? [{ label: "Device", cell: (row) => deviceLink(row.device_id), value: (row) => row.device_id }] : []),
      ...(device ? [{ label: "Pays", cell: (row) => accountLink(row.payer_account), value: (row) => row.payer_account }] : []),
      { label: "Is paid", cell: (row) => accountLink(row.payee_account), value: (row) => row.payee_account },
      { label: "Units", number: true, unit: (row) => row.unit, cell: (row) => units(row.units, row.unit), value: (row) => row.units, order: (row) => row.units },
      moneyColumn("Amount", (row) => row.amount),
      moneyColumn("Settled", (row) => row.settled),
      moneyColumn("Capacity", (row) => row.capacity),
      { label: "Opened", cell: (row) => time(row.opened_at), value: (row) => iso(row.opened_at), order: (row) => row.opened_at },
      ...(close && may("closeChannel") ? [{ label: "", actions: true, value: () => "", cell: (row) => closing(row, () => list.refresh()) }] : []),
    ],
    empty: empty("No channel", "A device opens one by itself as soon as it is switched on and there is a tariff for what it measures."),
  });
  return list;
}
