// Where each thing has its page. What somebody may not look at is named, and leads nowhere.

import { h } from "./dom.js";
import { may, seesAccount } from "./session.js";
import { short } from "./words.js";

export const to = {
  device: (id) => `#/devices/${id}`,
  devicesOf: (account) => `#/devices?account=${account}`,
  channel: (id) => `#/channels/${id}`,
  account: (id) => `#/accounts/${id}`,
  tariff: (id) => `#/tariffs/${id}`,
  newTariff: (like) => (like ? `#/tariffs/new?like=${like}` : "#/tariffs/new"),
  run: (number) => `#/settlements/${number}`,
};

export const link = (href, ...text) => h("a", { href }, ...text);

/** A link that looks like the button for what one comes to do there. */
export const linkButton = (href, words, tone = "") => h("a", { href, class: `button ${tone}` }, words);

const linked = (allowed, href, ...text) => (allowed ? link(href, ...text) : h("span", {}, ...text));

/** An account's id; a long one whole where it is pointed at. */
const brief = (id) => (id.length > 24 ? h("span", { title: id }, `${id.slice(0, 23)}…`) : id);

export const deviceLink = (id, name) => linked(may("getDevice"), to.device(id), name ?? short(id));
export const channelLink = (id) => linked(may("getChannel"), to.channel(id), short(id));
export const accountLink = (id) => linked(may("getAccount") && seesAccount(id), to.account(id), brief(id));
export const tariffLink = (id, name) => linked(may("getTariff"), to.tariff(id), name ?? short(id));
export const runLink = (number) => linked(may("getSettlement"), to.run(number), `Run ${number}`);
