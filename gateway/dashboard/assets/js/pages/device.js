// One device: what its meter counts and what it pays, live; its channels; and what can be done.

import { get, post } from "../api.js";
import { ask, tellOnce } from "../dialog.js";
import { every, h, replace } from "../dom.js";
import { events } from "../events.js";
import { field, whole } from "../form.js";
import { accountLink } from "../links.js";
import { decimal, money, moneyText, rounded } from "../money.js";
import { button, facts, figure, figures, head, section } from "../parts.js";
import { beginning, plot } from "../plot.js";
import { may } from "../session.js";
import { channelTable } from "../channel-table.js";
import { save } from "../export.js";
import { presence, state, time, unitName, units } from "../words.js";

const LOOK_MS = 1_000;
const SELDOM_MS = 5_000;
const SHOWN_MS = 2 * 60_000;

export default async function device({ id }, signal) {
  const found = await get(`/v1/devices/${id}`);
  const query = { device: id, account: found.account_id };
  const { items: first } = await get("/v1/channels", { ...query, limit: 1000 });
  const meter = live(first, signal, query);
  const channels = channelTable({ name: `channels-of-${id}`, query: () => query, device: false, close: true });
  const there = h("span", {}, presence(found.presence));
  void every(SELDOM_MS, signal, async () => {
    void channels.refresh();
    try {
      replace(there, presence((await get(`/v1/devices/${id}`, {}, signal)).presence));
    } catch {
      // What the meter shows says already that the gateway does not answer.
    }
  });
  const content = h(
    "div",
    {},
    head(found.name, { state: state(found.status), about: ["Device of ", accountLink(found.account_id), ", ", there], actions: actions(found) }),
    meter,
    section("Channels", channels.element),
    may("listEvents") ? section("What happened", events({ subject: id, account_id: found.account_id }, signal)) : null,
    section("Identity", h("div", { class: "panel" }, facts(["Device id", h("code", {}, found.id)], ["Public key", h("code", {}, found.public_key)], ["Registered", time(found.created_at)]))),
  );
  return { title: found.name, content };
}

/** What the device pays, by what the gateway has accepted: its channels' marks, once a second. */
function live(first, signal, query) {
  const chart = {
    units: plot({ name: "Units a minute", show: (value) => `${rounded(value)}/min`, height: 180 }),
    money: plot({ name: "Paid since this page was opened", show: rounded, height: 180, step: true }),
  };
  const numbers = h("div", { class: "is-live" });
  const place = h("div", {});
  const rates = [];
  const sums = [];
  let before = null;
  let base = null;

  const take = (channels) => {
    const now = Date.now();
    const paying = channels.filter((each) => each.mirror_of === null);
    const open = paying.find((each) => each.state === "open") ?? paying.find((each) => each.state === "frozen");
    const newest = open ?? [...paying].sort((a, b) => b.opened_at - a.opened_at)[0];
    if (!newest) {
      replace(place, h("div", { class: "empty" }, h("p", { class: "nothing" }, "This device has opened no channel yet"), h("p", {}, "It does so by itself once it is switched on, has its password and the gateway's key, and there is a tariff for what it measures.")));
      return;
    }
    if (place.dataset.shown !== "yes") {
      place.dataset.shown = "yes";
      replace(place, numbers, h("div", { class: "plots is-live" }, panel(capital(`${unitName(newest.unit)} a minute`), chart.units), panel(`Paid since this page was opened, in ${newest.amount.currency}`, chart.money)));
    }
    const total = paying.reduce((sum, each) => ({ units: sum.units + each.units, amount: sum.amount + BigInt(each.amount.amount) }), { units: 0, amount: 0n });
    base ??= total.amount;
    if (before !== null) rates.push({ t: now, v: ((total.units - before.units) * 60_000) / Math.max(1, now - before.t) });
    const paid = { ...newest.amount, amount: (total.amount - base).toString() };
    // The number is for the height of the line alone; the digits come from the integers.
    sums.push({ t: now, v: Number(decimal(paid.amount, paid.scale)), said: moneyText(paid) });
    before = { t: now, units: total.units };
    for (const series of [rates, sums]) while (series.length > 0 && now - series[0].t > SHOWN_MS) series.shift();
    replace(numbers, figures(
      figure(open ? "Last IOU" : "Last IOU, on a closed channel", units(newest.units, newest.unit), "cumulative, on the newest channel"),
      figure("It owes by it", money(newest.amount), ["of at most ", money(newest.capacity)]),
      figure("All its channels", money({ ...newest.amount, amount: total.amount.toString() }), units(total.units, newest.unit)),
      figure("Window", units(newest.window_units, newest.unit), "most it delivers unpaid"),
    ));
    const from = beginning(sums, now, SHOWN_MS);
    chart.units.draw(smooth(rates), from, now);
    chart.money.draw(sums, from, now);
  };
  take(first);
  void every(LOOK_MS, signal, async () => {
    try {
      take((await get("/v1/channels", { ...query, limit: 1000 }, signal)).items);
      place.classList.remove("stale");
    } catch (error) {
      if (error.name !== "AbortError") place.classList.add("stale");
    }
  });
  return place;
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

const panel = (title, chart) => h("div", { class: "panel" }, h("h3", {}, title), chart.element);

/** The mean of the last five, since a meter counts in whole units. */
function smooth(points) {
  return points.map((each, place) => {
    const near = points.slice(Math.max(0, place - 4), place + 1);
    return { t: each.t, v: near.reduce((sum, one) => sum + one.v, 0) / near.length };
  });
}

function actions(found) {
  const path = `/v1/devices/${found.id}`;
  const again = () => window.dispatchEvent(new HashChangeEvent("hashchange"));
  const act = (operation, words, tone, question) =>
    may(operation) ? button(words, () => ask({ ...question, then: question.then ?? again }), tone) : null;
  return [
    found.status === "active" &&
      act("suspendDevice", "Suspend", "", {
        title: `Suspend ${found.name}?`,
        what: ["The gateway grants it nothing more. It may still deliver what it was granted, one window at most, and pays for that; then its relay opens.", "Its channels stay open, and what it owes stays owed. You can resume it at any time."],
        action: "Suspend the device",
        run: () => post(`${path}/suspend`),
      }),
    found.status === "suspended" &&
      act("resumeDevice", "Resume", "primary", {
        title: `Resume ${found.name}?`,
        what: ["The gateway grants it its window again within seconds, and it delivers on."],
        action: "Resume the device",
        run: () => post(`${path}/resume`),
      }),
    found.status !== "revoked" &&
      act("rotateDevicePassword", "New password", "", {
        title: `A new password for ${found.name}?`,
        what: ["The old one ends at once: the device is cut off at the broker until it has the new one."],
        action: "Make a new password",
        run: () => post(`${path}/password`),
        then: (login) => tellOnce("The new password", "It is told this once.", [["MQTT user name and client id", login.username], ["MQTT password", login.password]]),
      }),
    found.status !== "revoked" &&
      act("issueDeviceCertificate", "Certificate", "", {
        title: `A certificate for ${found.name}`,
        what: ["For mutual TLS with the broker. Certificates issued before stay good until they end."],
        fields: [field({ name: "days", label: "Good for, in days", kind: "number", value: "365", read: whole })],
        action: "Issue the certificate",
        run: (values) => post(`${path}/certificate`, values),
        then: (issued) => {
          save(`${found.id}.crt`, issued.certificate, "application/x-pem-file");
          save(`${found.id}.key`, issued.private_key, "application/x-pem-file");
          save("ca.crt", issued.authority, "application/x-pem-file");
        },
      }),
    found.status !== "revoked" &&
      act("revokeDevice", "Revoke", "", {
        title: `Revoke ${found.name} for good?`,
        what: ["Its password and certificates end, it can connect no more, and this can't be undone: the board would need a new key.", "What it has signed stays owed."],
        action: "Revoke the device",
        danger: true,
        run: () => post(`${path}/revoke`),
      }),
  ];
}
