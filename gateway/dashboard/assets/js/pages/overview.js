// How the gateway stands: what comes in now, what is at stake, and what waits for a person.

import { get } from "../api.js";
import { every, h, replace } from "../dom.js";
import { events } from "../events.js";
import { hear, history } from "../live.js";
import { accountLink, link, to } from "../links.js";
import { count, money, moneyText, rounded } from "../money.js";
import { figure, figures, head, section, wrong } from "../parts.js";
import { beginning, plot } from "../plot.js";
import { may } from "../session.js";
import { stick } from "../stick.js";
import { time } from "../words.js";

const LOOK_MS = 5_000;
const SHOWN_MS = 3 * 60_000;

export default async function overview(_params, signal) {
  const numbers = h("div");
  const waits = h("div");
  const exposed = h("div");
  const trouble = h("div");
  const content = h(
    "div",
    {},
    head("Overview"),
    trouble,
    numbers,
    section("Payments a second", throughput(signal)),
    h("div", { class: "columns" }, section("Needs a person", waits, may("listEvents") ? [h("h2", { class: "second" }, "Lately"), events({ limit: 8 }, signal)] : null), section("Exposure", exposed)),
  );
  const look = async () => {
    try {
      const found = await get("/v1/overview", {}, signal);
      replace(trouble);
      content.classList.remove("stale");
      replace(numbers, glance(found));
      replace(waits, waiting(found.waiting, found));
      replace(exposed, exposures(found));
    } catch (error) {
      if (error.name === "AbortError") return;
      replace(trouble, wrong(error));
      content.classList.add("stale");
    }
  };
  await look();
  setTimeout(() => void every(LOOK_MS, signal, look), LOOK_MS);
  return { title: "Overview", content };
}

function throughput(signal) {
  const chart = plot({ name: "Payments a second", show: (value) => `${rounded(value)}/s`, height: 210 });
  const draw = () => {
    const now = Date.now();
    const points = history()
      .filter((each) => !each.first)
      .map((each) => ({ t: each.at, v: each.ious_per_second + each.ticks_per_second }))
      .filter((each) => now - each.t <= SHOWN_MS);
    chart.draw(points, beginning(points, now, SHOWN_MS), now);
  };
  hear("pulse", signal, draw);
  hear("state", signal, draw);
  queueMicrotask(draw);
  return h("div", { class: "panel is-live" }, chart.element);
}

function glance(found) {
  const { devices, channels, money: sums } = found;
  return figures(
    ...sums.map((each) => figure(sums.length > 1 ? `In flight, ${each.in_flight.currency}` : "Money in flight", money(each.in_flight), "signed for, in no settlement yet")),
    ...(sums.length === 0 ? [figure("Money in flight", "none", "no channel is open")] : []),
    ...sums.map((each) => figure("In windows", money(each.windows), "most that can be used and not signed for")),
    figure("Channels open", count(channels.open), channels.frozen > 0 ? `${count(channels.frozen)} frozen` : "none frozen"),
    figure("Devices online", count(found.online), `${count(devices.active)} active${devices.suspended > 0 ? `, ${count(devices.suspended)} suspended` : ""}`),
  );
}

/** What waits, by its kind: in words, where one of it is, and where all are. */
const KINDS = {
  "gateway.fenced": [() => "The gateway is fenced after a restore", () => link("#/settings", "See what is missing")],
  "run.awaiting_approval": [(n) => many(n, "settlement run waits", "settlement runs wait") + " for a second person", (each) => link(to.run(each.subject), `Run ${each.subject}`), "#/settlements"],
  "withdrawal.requested": [(n) => many(n, "withdrawal waits", "withdrawals wait") + " for a second person", (each) => link(to.account(each.account_id), each.account_id)],
  "payout_account.proposed": [(n) => many(n, "payout account is", "payout accounts are") + " proposed", (each) => link(to.account(each.account_id), each.account_id)],
  "account.erasure_requested": [(n) => many(n, "erasure waits", "erasures wait") + " for a second person", (each) => link(to.account(each.account_id), each.account_id)],
  "reversal.proposed": [(n) => many(n, "reversal of an entry is", "reversals of entries are") + " proposed", (each) => link("#/bank", `Reversal ${each.subject}`)],
  "booking.unmatched": [(n) => many(n, "booking has", "bookings have") + " no known purpose", (each) => link("#/bank", each.subject.slice(0, 8))],
  "channel.frozen": [(n) => many(n, "channel is", "channels are") + " frozen", (each) => link(to.channel(each.subject), each.subject.slice(0, 12)), "#/channels?state=frozen"],
  "instruction.failed": [(n) => many(n, "payment", "payments") + " failed or came back", (each) => link(failedAt(each.subject, each.account_id), each.account_id)],
  "device.offline": [(n) => many(n, "device is", "devices are") + " silent", (each) => link(to.device(each.subject), each.subject.slice(0, 12)), "#/devices?online=false"],
};

function failedAt(id, account) {
  const run = /^run-(\d+)-/.exec(id);
  return run ? to.run(run[1]) : to.account(account);
}

const many = (n, one, more) => (n === 1 ? one : more);

function waiting(kinds, found) {
  if (kinds.length === 0) return [h("div", { class: "empty" }, h("p", { class: "nothing" }, "Nothing waits for you"), h("p", {}, "Approvals, frozen channels, failed payments and silent devices show here."), begin(found))];
  return h("ul", { class: "waiting-list" }, kinds.map(one));
}

function one({ kind, count: number, first }) {
  const [words, where, list] = KINDS[kind] ?? [() => kind, (each) => each.subject];
  const rest = number - first.length;
  return h(
    "li",
    {},
    h("span", { class: "many", "aria-hidden": "true" }, count(number)),
    h("span", { class: "what" }, h("span", { class: "unseen" }, `${number} `), words(number)),
    h(
      "span",
      { class: "which" },
      first.map((each) => h("span", {}, where(each), each.amount ? [" ", money(each.amount)] : null, each.at ? [" since ", time(each.at)] : null)),
      rest > 0 ? h("span", {}, list ? link(list, `and ${count(rest)} more`) : `and ${count(rest)} more`) : null,
    ),
  );
}

/** The next step of somebody whose gateway is new. */
function begin({ devices }) {
  const known = devices.active + devices.suspended + devices.revoked;
  if (known > 0 || !may("registerDevice")) return null;
  return h("p", {}, "No device is registered yet. ", link("#/accounts", "Add an account"), ", ", link("#/tariffs", "a tariff"), " and ", link("#/devices", "a device"), " to begin.");
}

function exposures({ accounts }) {
  if (accounts.length === 0) {
    return h("div", { class: "empty" }, h("p", { class: "nothing" }, "No account is exposed"), h("p", {}, "Once a device opens a channel, what its account owes and may come to owe stands here."));
  }
  return [
    h("p", { class: "said" }, "What an account owes and may come to owe on its channels, of its credit limit and deposits."),
    h(
      "ul",
      { class: "exposures panel" },
      accounts.map((each) =>
        h(
          "li",
          {},
          h("span", {}, accountLink(each.id), " ", h("span", { class: "none" }, each.name)),
          h("span", { class: "sums" }, money(each.exposure), " of ", money(each.limit)),
          stick(each.exposure.amount, each.limit.amount, `${each.name}: ${moneyText(each.exposure)} of ${moneyText(each.limit)}`),
          h("p", { class: "said" }, `${count(each.channels)} ${each.channels === 1 ? "channel" : "channels"}, in flight `, money(each.in_flight), ", in windows ", money(each.windows)),
        ),
      ),
    ),
  ];
}
