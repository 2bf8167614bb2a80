// All channels.

import { channelTable } from "../channel-table.js";
import { every, h } from "../dom.js";
import { head } from "../parts.js";
import { accountChoices } from "../session.js";

const LOOK_MS = 5_000;

export default async function channels(_params, signal) {
  const list = channelTable({
    name: "channels",
    query: () => ({}),
    kept: true,
    search: { name: "search", label: "Search", placeholder: "Beginning of id" },
    filters: [{ name: "account", label: "Account", options: await accountChoices() }],
  });
  void every(LOOK_MS, signal, () => list.refresh());
  return {
    title: "Channels",
    content: h("div", {}, head("Channels", { about: "Each is one payer's signed promise to one payee, under one tariff, up to a capacity. Its last IOU contains all before it." }), list.element),
  };
}
