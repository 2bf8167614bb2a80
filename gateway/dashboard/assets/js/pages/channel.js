// One channel: its mark and how it rose, by which prices, and every message that proves it.

import { get } from "../api.js";
import { channelActions } from "../channel-actions.js";
import { channelLegs } from "../channel-legs.js";
import { channelMessages } from "../channel-messages.js";
import { every, h, replace } from "../dom.js";
import { entryButton } from "../entry.js";
import { accountLink, channelLink, deviceLink, runLink, tariffLink } from "../links.js";
import { decimal, money, moneyText, rounded } from "../money.js";
import { facts, figure, figures, head, section } from "../parts.js";
import { plot } from "../plot.js";
import { may } from "../session.js";
import { stick } from "../stick.js";
import { moneyColumn, table } from "../table.js";
import { iso, short, state, time, units } from "../words.js";

const LOOK_MS = 2_000;

export default async function channel({ id }, signal) {
  const path = `/v1/channels/${id}`;
  const [found, { items: moments }, { items: proofs }] = await Promise.all([get(path), get(`${path}/timeline`), get(`${path}/evidence`)]);
  const mark = h("div");
  const rise = plot({ name: "Amount", show: rounded, height: 170, gap: Infinity, dots: true, when: (t) => time(t / 1000, true).textContent });
  const happened = timeline(moments, found);
  const legs = may("listChannelLegs") ? channelLegs(id) : null;
  const messages = may("listChannelMessages") ? channelMessages(id, found.unit) : null;
  let shown = "";
  const draw = (now, then) => {
    replace(mark, standing(now));
    const points = risen(now, then);
    rise.draw(points, points[0].t, Math.max(points.at(-1).t, points[0].t + 60_000));
    if (JSON.stringify(then) === shown) return;
    // Something has happened: what rests on it is read anew.
    if (shown) void Promise.all([legs, messages].filter(Boolean).map((each) => each.refresh()));
    shown = JSON.stringify(then);
    happened.show(then);
  };
  draw(found, moments);
  void every(LOOK_MS, signal, async () => {
    try {
      const [now, then] = await Promise.all([get(path, {}, signal), get(`${path}/timeline`, {}, signal)]);
      draw(now, then.items);
      mark.classList.remove("stale");
    } catch (error) {
      if (error.name !== "AbortError") mark.classList.add("stale");
    }
  });
  const again = () => window.dispatchEvent(new HashChangeEvent("hashchange"));
  const title = `Channel ${id.slice(0, 12)}`;
  const content = h(
    "div",
    {},
    head(title, { state: state(found.state), about: [deviceLink(found.device_id), " pays ", accountLink(found.payee_account), " for ", accountLink(found.payer_account)], actions: channelActions(found, again) }),
    mark,
    section(`What it came to, in ${found.amount.currency}`, h("div", { class: "panel" }, rise.element), h("p", { class: "said" }, "Each dot is a mark that the books keep with its time; between two of them nobody noted when it rose.")),
    section("What happened", happened.element),
    legs ? section("Legs", h("p", { class: "said" }, "Each begins where its payer signed that another price holds. What was signed before is never priced anew."), legs.element) : null,
    messages ? section("Signed messages", h("p", { class: "said" }, "IOUs are kept where something was posted, and the last one: it contains all before it. Each file is for ", h("code", {}, "tallystick verify"), "; the evidence holds them all."), messages.element) : null,
    section("Terms", h("div", { class: "panel" }, facts(
      ["Channel id", h("code", {}, found.id)],
      ["Tariff", tariffLink(found.tariff_id, found.tariff)],
      ["Opened", time(found.opened_at, true)],
      ["Expires", time(found.expires_at)],
      found.closed_at === null ? null : ["Closed", [time(found.closed_at, true), ` (${found.close_reason})`]],
      found.mirror_of === null ? null : ["Mirror of", channelLink(found.mirror_of)],
      ["Window", units(found.window_units, found.unit)],
      found.tick_preimage === null ? null : ["Last tick's preimage", h("code", {}, found.tick_preimage)],
    ))),
    proofs.length > 0 ? section("Evidence of something wrong", h("div", { class: "panel" }, facts(...proofs.map((each) => [`${each.kind}, found`, [time(each.found_at, true), " ", short(each.id)]])))) : null,
  );
  return { title, content };
}

function standing(found) {
  const left = { ...found.capacity, amount: (BigInt(found.capacity.amount) - BigInt(found.amount.amount)).toString() };
  const open = { ...found.amount, amount: (BigInt(found.amount.amount) - BigInt(found.settled.amount)).toString() };
  return [
    figures(
      figure("Last IOU", units(found.units, found.unit), found.tick_index > 0 ? `and ${found.tick_index} ticks since it was signed` : found.iou_message ? "signed by the payer" : "nothing signed yet"),
      figure("Amount", money(found.amount), "cumulative"),
      figure("Not settled yet", money(open), ["settled: ", money(found.settled)]),
      figure("Left of its capacity", money(left), ["of ", money(found.capacity)]),
    ),
    found.state === "closed" ? null : stick(found.amount.amount, found.capacity.amount, `${moneyText(found.amount)} of ${moneyText(found.capacity)}`),
  ];
}

/** The marks that the books keep with their times, and the one of now; for drawing. */
function risen(found, moments) {
  let posted = 0n;
  const marks = [[found.opened_at, 0n]];
  for (const each of moments) {
    if (each.kind === "posted") marks.push([each.at, (posted += BigInt(each.amount.amount))]);
    if (each.kind === "repriced") marks.push([each.at, BigInt(each.amount.amount)]);
  }
  const { amount, scale } = found.amount;
  marks.push([found.closed_at ?? Date.now() / 1000, BigInt(amount)]);
  return marks
    .map(([at, value]) => ({ t: at * 1000, v: Number(decimal(value, scale)), said: moneyText({ ...found.amount, amount: value.toString() }) }))
    .sort((a, b) => a.t - b.t || a.v - b.v);
}

const WORDS = {
  opened: "Opened",
  topped_up: "Topped up",
  repriced: "Price changed",
  posted: "Posted",
  evidence: "Evidence kept",
  closed: "Closed",
};

function timeline(rows, channel) {
  return table({
    name: `timeline-${channel.id.slice(0, 12)}`,
    caption: "What happened to this channel",
    rows,
    columns: [
      { label: "What", cell: (row) => WORDS[row.kind] ?? row.kind, value: (row) => row.kind },
      { label: "When", cell: (row) => time(row.at, true), value: (row) => iso(row.at), order: (row) => row.at },
      { label: "Units", number: true, unit: () => channel.unit, cell: (row) => (row.units === null ? "–" : units(row.units, channel.unit)), value: (row) => row.units ?? "", order: (row) => row.units ?? -1 },
      { ...moneyColumn("Amount", (row) => row.amount), cell: (row) => (row.amount ? money(row.amount) : "–") },
      { label: "By", cell: (row) => by(row), value: (row) => (row.run ? `run ${row.run}` : row.note) },
    ],
    empty: () => h("p", {}, "Nothing yet."),
  });
}

function by(row) {
  if (row.kind === "opened" || row.kind === "topped_up") return "capacity, signed by the payer";
  if (row.kind === "repriced") return ["from here on, by ", tariffLink(row.note)];
  if (row.kind === "posted") return [row.run ? runLink(row.run) : "its close", ", ", entryButton(row.entry)];
  return row.note;
}
