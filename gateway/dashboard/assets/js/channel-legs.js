// By which price each part of a channel was counted.

import { get } from "./api.js";
import { tariffLink } from "./links.js";
import { empty } from "./parts.js";
import { moneyColumn, priceColumn, table } from "./table.js";
import { iso, time, units } from "./words.js";

/** The legs of a channel, as a table. */
export function channelLegs(id) {
  return table({
    name: `legs-${id.slice(0, 12)}`,
    caption: "Legs",
    load: async () => (await get(`/v1/channels/${id}/legs`)).items,
    columns: [
      { label: "Leg", cell: (row) => (row.number === 0 ? "Terms" : `Leg ${row.number}`), value: (row) => row.number, order: (row) => row.number },
      { label: "Tariff", cell: (row) => tariffLink(row.tariff.id, row.tariff.name), value: (row) => row.tariff.name },
      priceColumn((row) => row.tariff),
      { label: "Began", cell: (row) => time(row.at, true), value: (row) => iso(row.at), order: (row) => row.at },
      { label: "From", number: true, cell: (row) => units(row.from_units, row.tariff.unit), value: (row) => row.from_units, order: (row) => row.from_units },
      { label: "Units", number: true, unit: (row) => row.tariff.unit, cell: (row) => units(row.units, row.tariff.unit), value: (row) => row.units, order: (row) => row.units },
      moneyColumn("Amount", (row) => row.amount),
    ],
    empty: empty("No leg"),
  });
}
