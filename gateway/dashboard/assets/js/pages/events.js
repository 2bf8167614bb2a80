// What happened: every event, the newest first.

import { h } from "../dom.js";
import { onEvents } from "../live.js";
import { accountLink } from "../links.js";
import { subject, words } from "../events.js";
import { empty, head } from "../parts.js";
import { currencies, named, valued } from "../record.js";
import { accountChoices } from "../session.js";
import { table } from "../table.js";
import { iso, state, time } from "../words.js";

export default async function events(_params, signal) {
  const currencyOf = await currencies();
  const list = table({
    name: "events",
    caption: "Events",
    path: "/v1/events/past",
    kept: true,
    filters: [{ name: "account_id", label: "Account", options: await accountChoices() }, { name: "level", label: "Level", options: [["", "Any"], ["action", "Needs a person"], ["warning", "Warning"], ["info", "Information"]] }],
    columns: [
      { label: "What", cell: (row) => words(row.kind), value: (row) => row.kind },
      { label: "When", cell: (row) => time(row.at, true), value: (row) => iso(row.at), order: (row) => row.id },
      { label: "To what", cell: subject, value: (row) => row.subject },
      { label: "Account", cell: (row) => (row.account_id ? accountLink(row.account_id) : "–"), value: (row) => row.account_id ?? "" },
      { label: "Level", cell: (row) => state(LEVELS[row.level]), value: (row) => row.level },
      { label: "Details", cell: (row) => details(row, currencyOf), value: (row) => JSON.stringify(row.data) },
    ],
    empty: empty("Nothing has happened yet", "What devices, people and the gateway do stands here."),
  });
  onEvents(signal, () => true, () => void list.refresh());
  return { title: "Events", content: h("div", {}, head("Events", { about: "What has happened to devices, channels and money, by whomever. They are deleted when they are old." }), list.element) };
}

const LEVELS = { info: "information", warning: "warning", action: "needs a person" };

function details({ data, account_id: account }, currencyOf) {
  const entries = Object.entries(data).filter(([, value]) => value !== null && value !== "");
  if (entries.length === 0) return "–";
  const currency = currencyOf(account ?? data.currency);
  return h("span", { class: "fine" }, entries.map(([name, value], place) => [place > 0 ? ", " : "", `${named(name)} `, valued(name, value, currency)]));
}
