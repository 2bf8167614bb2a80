// One channel: its mark, what has happened to it, and what proves it.

import { file, get, post } from "../api.js";
import { ask } from "../dialog.js";
import { every, h, replace } from "../dom.js";
import { save } from "../export.js";
import { accountLink, channelLink, deviceLink, runLink, tariffLink } from "../links.js";
import { decimal, money, moneyText } from "../money.js";
import { button, facts, figure, figures, head, section } from "../parts.js";
import { may, seesAccount } from "../session.js";
import { stick } from "../stick.js";
import { table } from "../table.js";
import { iso, short, state, time, units } from "../words.js";

const LOOK_MS = 2_000;

export default async function channel({ id }, signal) {
  const path = `/v1/channels/${id}`;
  const [found, { items: moments }, { items: proofs }] = await Promise.all([get(path), get(`${path}/timeline`), get(`${path}/evidence`)]);
  const mark = h("div");
  const draw = (now) => replace(mark, standing(now));
  draw(found);
  const happened = timeline(moments, found);
  void every(LOOK_MS, signal, async () => {
    try {
      draw(await get(path, {}, signal));
      happened.show((await get(`${path}/timeline`, {}, signal)).items);
      mark.classList.remove("stale");
    } catch (error) {
      if (error.name !== "AbortError") mark.classList.add("stale");
    }
  });
  const title = `Channel ${id.slice(0, 12)}`;
  const content = h(
    "div",
    {},
    head(title, { state: state(found.state), about: [deviceLink(found.device_id), " pays ", accountLink(found.payee_account), " for ", accountLink(found.payer_account)], actions: actions(found) }),
    mark,
    section("What happened", h("p", { class: "said" }, "IOUs are not kept one by one: the last one contains all before it, and what was posted stands here with the IOU that proves it."), happened.element),
    section("Terms", h("div", { class: "panel" }, facts(
      ["Channel id", h("code", {}, found.id)],
      ["Tariff", tariffLink(found.tariff_id)],
      ["Opened", time(found.opened_at, true)],
      ["Expires", time(found.expires_at)],
      found.closed_at === null ? null : ["Closed", [time(found.closed_at, true), ` (${found.close_reason})`]],
      found.mirror_of === null ? null : ["Mirror of", channelLink(found.mirror_of)],
      ["Window", units(found.window_units, found.unit)],
    ))),
    section("Signed messages", h("p", { class: "said" }, "Base64, as tallystick verify takes them. The evidence file holds them all."), h("div", { class: "panel" }, messages(found))),
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
    stick(found.amount.amount, found.capacity.amount, `${moneyText(found.amount)} of ${moneyText(found.capacity)}`),
  ];
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
  const amount = (row) => row.amount;
  return table({
    name: `timeline-${channel.id.slice(0, 12)}`,
    caption: "What happened to this channel",
    rows,
    columns: [
      { label: "What", cell: (row) => WORDS[row.kind] ?? row.kind, value: (row) => row.kind },
      { label: "When", cell: (row) => time(row.at, true), value: (row) => iso(row.at), order: (row) => row.at },
      { label: "Units", number: true, cell: (row) => (row.units === null ? "–" : units(row.units, channel.unit)), value: (row) => row.units ?? "", order: (row) => row.units ?? -1 },
      { label: "Amount", number: true, cell: (row) => (amount(row) ? money(amount(row)) : "–"), value: (row) => (amount(row) ? decimal(amount(row).amount, amount(row).scale) : ""), order: (row) => BigInt(amount(row)?.amount ?? 0) },
      { label: "By", cell: (row) => by(row), value: (row) => (row.run ? `run ${row.run}` : row.note) },
    ],
    empty: () => h("p", {}, "Nothing yet."),
  });
}

function by(row) {
  if (row.kind === "opened" || row.kind === "topped_up") return "capacity, signed by the payer";
  if (row.kind === "repriced") return ["from here on, by ", tariffLink(row.note)];
  if (row.run) return runLink(row.run);
  if (row.kind === "posted") return "its close";
  return row.note;
}

function messages(found) {
  const entries = [
    ["Terms, by the payer (open)", found.open_message],
    ["Accepted, by the gateway (opened)", found.opened_message],
    ["Last IOU, by the payer (iou)", found.iou_message],
    ["Greatest top-up, by the payer (topup)", found.topup_message],
    ["Last tick's preimage", found.tick_preimage],
    ...found.leg_messages.map((message, place) => [`Change of price ${place + 1}, by the payer (leg)`, message]),
  ];
  return facts(...entries.filter(([, message]) => message !== null).map(([words, message]) => [words, h("code", {}, message)]));
}

function actions(found) {
  const path = `/v1/channels/${found.id}`;
  const again = () => window.dispatchEvent(new HashChangeEvent("hashchange"));
  return [
    may("getChannelBundle") && button("Download evidence", () => evidence(found), "primary"),
    may("getChannelClaim") && found.xrpl_channel !== null && button("Download XRPL claim", () => claim(found)),
    may("thawChannel") && found.state === "frozen" && found.mirror_of === null && button("Thaw", () => ask({
      title: "Let this channel go on?",
      what: ["It was frozen because its payer signed two IOUs that can't both be honest. It goes on from the mark that was accepted."],
      action: "Thaw the channel",
      run: () => post(`${path}/thaw`),
      then: again,
    })),
    may("closeChannel") && found.state !== "closed" && found.mirror_of === null && button("Close", () => ask({
      title: "Close this channel?",
      what: [["It ends at its mark, ", moneyText(found.amount), " for ", units(found.units, found.unit), "; what is not settled is posted now."].join(""), "Its device gets a signed receipt and opens a new channel when it next needs one. This can't be undone."],
      action: "Close the channel",
      danger: true,
      run: () => post(`${path}/close`),
      then: again,
    })),
  ];
}

/** Whose statements the evidence is to hold: an owner's own, else the payer's. */
function ownAccount(found) {
  return [found.payer_account, found.payee_account].find(seesAccount);
}

async function claim(found) {
  save(`claim-${found.id.slice(0, 12)}.json`, await file(`/v1/channels/${found.id}/claim`));
}

async function evidence(found) {
  try {
    save(`channel-${found.id.slice(0, 12)}.evidence`, await file(`/v1/channels/${found.id}/bundle`, { account: ownAccount(found) }));
  } catch (error) {
    ask({ title: "No evidence yet", what: [error.message], action: "Close", run: async () => {} });
  }
}
