// The signed messages of a channel, one by one: what each says, and itself as a file.

import { get } from "./api.js";
import { h } from "./dom.js";
import { save } from "./export.js";
import { icon } from "./icons.js";
import { runLink } from "./links.js";
import { money } from "./money.js";
import { empty } from "./parts.js";
import { moneyColumn, table } from "./table.js";
import { iso, state, time, units } from "./words.js";

const KINDS = {
  open: "Terms",
  mirror: "Terms of a mirror",
  opened: "Accepted",
  topup: "Top-up",
  leg: "Change of price",
  iou: "IOU",
  credit: "Credit",
  receipt: "Receipt",
  close: "Close",
  successor: "Successor of the gateway's key",
};

/** The messages of a channel of this unit, as a table. */
export function channelMessages(id, unit) {
  const name = id.slice(0, 12);
  return table({
    name: `messages-${name}`,
    caption: "Signed messages",
    load: async () => (await get(`/v1/channels/${id}/messages`)).items.map((each, place) => ({ number: place + 1, ...each })),
    search: { name: "kind", label: "Search messages", placeholder: "IOU, receipt, run 3 …", of: (row) => `${words(row)} ${row.kind} ${row.signer} ${row.run ? `run ${row.run}` : ""}` },
    columns: [
      { label: "Message", cell: (row) => [words(row), row.wrong ? [" ", state("kept as evidence")] : null], value: (row) => (row.event ? `${row.kind} (${row.event})` : row.kind) },
      { label: "Signed by", cell: (row) => row.signer, value: (row) => row.signer },
      { label: "Units", number: true, unit: () => unit, cell: (row) => (row.units === null ? "–" : units(row.units, unit)), value: (row) => row.units ?? "", order: (row) => row.units ?? -1 },
      { ...moneyColumn("Amount", (row) => row.amount), cell: (row) => (row.amount ? money(row.amount) : "–") },
      { label: "Says it is of", cell: (row) => when(row), value: (row) => iso(row.at), order: (row) => row.at ?? 0 },
      { label: "", actions: true, value: () => "", cell: (row) => saving(row, name) },
    ],
    empty: empty("Nothing is signed yet"),
  });
}

function words({ kind, event, ticks }) {
  const name = KINDS[kind] ?? kind;
  if (event) return `${name} of ${event === "checkpoint" ? "a checkpoint" : event === "close" ? "the close" : "a settlement"}`;
  return ticks > 0 ? `${name}, and ${ticks} ticks` : name;
}

function when({ at, run, kind }) {
  if (run) return [runLink(run), ", ", time(at)];
  if (at !== null) return time(at, true);
  return kind === "iou" || kind === "credit" ? "no time, only order" : "–";
}

function saving(row, name) {
  const file = `channel-${name}-${row.number}.${row.kind}`;
  const keep = () => save(file, new Blob([bytes(row.message)], { type: "application/cbor" }));
  return h("button", { type: "button", class: "quiet small", "aria-label": `Save message ${row.number}, ${words(row)}`, onclick: keep }, icon("down"), "Save");
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
