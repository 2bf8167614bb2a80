// What operators did: who, what, before and after, and why. It can't be changed, and checks offline.

import { h } from "../dom.js";
import { accountLink, channelLink, deviceLink, runLink, tariffLink } from "../links.js";
import { empty, head } from "../parts.js";
import { currencies, named, valued } from "../record.js";
import { table } from "../table.js";
import { iso, short, time, who } from "../words.js";

export default async function audit() {
  const currencyOf = await currencies();
  const list = table({
    name: "audit",
    caption: "Audit log",
    path: "/v1/audit",
    kept: true,
    search: [
      { name: "who", label: "Who", placeholder: "As person:ada" },
      { name: "action", label: "What", placeholder: "As device.suspend" },
      { name: "subject", label: "To what", placeholder: "Its whole id" },
    ],
    columns: [
      { label: "Number", number: true, cell: (row) => String(row.seq), value: (row) => row.seq, order: (row) => row.seq },
      { label: "When", cell: (row) => time(row.at, true), value: (row) => iso(row.at), order: (row) => row.at },
      { label: "Who", cell: (row) => who(row.who), value: (row) => row.who },
      { label: "What", cell: (row) => row.action, value: (row) => row.action },
      { label: "To what", cell: subject, value: (row) => row.subject },
      { label: "Change", cell: (row) => change(row, currencyOf), value: (row) => JSON.stringify({ before: row.before, after: row.after }) },
      { label: "Why", cell: (row) => row.why || "–", value: (row) => row.why },
      { label: "Hash", cell: (row) => short(row.hash), value: (row) => row.hash },
    ],
    empty: empty("Nobody has done anything yet"),
  });
  const content = h("div", {}, head("Audit log", { about: ["What people and programs did. Each record's hash commits to all before it; ", h("code", {}, "tallystick audit export"), " writes a file of it that checks offline."] }), list.element);
  return { title: "Audit log", content };
}

const LINKS = { device: deviceLink, channel: channelLink, account: accountLink, run: runLink, settlement: runLink, tariff: tariffLink };
const LONG = /^[0-9a-f]{24,}$/;

function subject(row) {
  const link = LINKS[row.action.split(".")[0]];
  if (link) return link(row.subject);
  return LONG.test(row.subject) ? short(row.subject) : row.subject;
}

function change({ before, after, erased, subject: of }, currencyOf) {
  if (erased) return "erased";
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  if (names.length === 0) return "–";
  const all = { ...before, ...after };
  const currency = all.scale === undefined ? [all.account, all.payee_account, all.currency, of].map((each) => currencyOf(each)).find(Boolean) : { currency: all.currency, scale: Number(all.scale) };
  const shown = (side, name) => (side?.[name] === undefined ? "" : valued(name, side[name], currency));
  return h("span", { class: "fine" }, names.map((name, place) => [place > 0 ? "; " : "", `${named(name)}: `, shown(before, name), before?.[name] !== undefined && after?.[name] !== undefined ? " → " : "", shown(after, name)]));
}
