// What happened to something, as the gateway keeps it; new ones come by themselves.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { onEvents } from "./live.js";
import { accountLink, channelLink, deviceLink, runLink } from "./links.js";
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

const LINKS = { device: deviceLink, channel: channelLink, account: accountLink, run: runLink };

/** To what it happened, with a link to its page if it has one. */
export function subject(event) {
  const link = LINKS[event.kind.split(".")[0]];
  return link ? link(event.subject) : event.subject;
}
