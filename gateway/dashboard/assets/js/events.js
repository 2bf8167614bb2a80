// What happened to something, as the gateway keeps it; new ones come by themselves.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { entryButton } from "./entry.js";
import { onEvents } from "./live.js";
import { accountLink, channelLink, deviceLink, link, runLink } from "./links.js";
import { may } from "./session.js";
import { time } from "./words.js";

const SHOWN = 30;

/** A list of the newest events that fit a query, kept up to date. */
export function events(query, signal) {
  const list = h("ol", { class: "events" });
  const place = h("div", { class: "panel" }, list);
  const look = async () => {
    try {
      const { items } = await get("/v1/events/past", { limit: SHOWN, ...query }, signal);
      replace(place, items.length > 0 ? replace(list, items.map((each) => line(each, !query.subject))) : h("p", { class: "none" }, "Nothing was noted yet."));
      place.classList.remove("stale");
    } catch (error) {
      if (error.name !== "AbortError") place.classList.add("stale");
    }
  };
  onEvents(signal, (event) => !query.subject || event.subject === query.subject, () => void look());
  void look();
  return place;
}

function line(event, named) {
  return h("li", {}, time(event.at, true), h("span", {}, words(event.kind), named ? [" ", subject(event)] : null));
}

/** `device.suspended` as "Device suspended". */
export function words(kind) {
  const text = kind.replaceAll(/[._]/g, " ");
  return text[0].toUpperCase() + text.slice(1);
}

const LINKS = {
  device: ({ subject }) => deviceLink(subject),
  channel: ({ subject }) => channelLink(subject),
  account: ({ subject }) => accountLink(subject),
  run: ({ subject }) => runLink(subject),
  deposit: ({ subject }) => entryButton(Number(subject)),
  reversal: ({ subject }) => (may("listReversals") ? link("#/bank", `Reversal ${subject}`) : `Reversal ${subject}`),
  payout_account: ({ subject, account_id: account }) => [subject, " of ", accountLink(account)],
  withdrawal: ({ subject, account_id: account }) => [subject, " of ", accountLink(account)],
};

/** To what it happened, with a link to its page if it has one. */
export function subject(event) {
  const name = Object.keys(LINKS).find((each) => event.kind.startsWith(`${each}.`));
  return name ? LINKS[name](event) : event.subject;
}
