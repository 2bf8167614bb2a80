// Which price holds when, as far as times of use say it: a picture of the days that come, and each
// change in a list.

import { get } from "./api.js";
import { h, s } from "./dom.js";
import { drawn } from "./drawn.js";
import { tariffLink } from "./links.js";
import { empty, loaded } from "./parts.js";
import { priceColumn, table } from "./table.js";
import { marks } from "./time-axis.js";
import { iso, pricePer, time, unitName } from "./words.js";

const HOURS = 48;
const BAR = 34;
const AXIS = 26;
const LETTER = 7.4;

/** The prices that are ahead, in this viewer's zone. */
export function pricesAhead() {
  return loaded(() => get("/v1/prices-ahead", { hours: HOURS }), show);
}

function show(found) {
  const tariffs = new Map(found.tariffs.map((each) => [each.id, each]));
  const lines = found.lines.map((line) => ({ of: line.tariff_ids.map((id) => tariffs.get(id)), holds: line.holds.map((each) => ({ at: each.at, tariff: tariffs.get(each.tariff_id) })) }));
  if (lines.length === 0) return h("div", { class: "empty" }, empty("No price is to change", "Let a tariff follow another on its page, or by a time of use.")());
  const changes = lines.flatMap((line) => line.holds.slice(1).map((each, place) => ({ at: each.at, of: line.of.map((one) => one.name).join(", "), from: line.holds[place].tariff, to: each.tariff })));
  changes.sort((a, b) => a.at - b.at);
  return [
    h("div", { class: "panel ahead" }, lines.map((line) => picture(line, found.since, found.until))),
    h("p", { class: "said" }, `Until `, time(found.until), `, in your time zone (${Intl.DateTimeFormat().resolvedOptions().timeZone}). Open channels go over by their devices' own signed word.`),
    list(changes),
  ];
}

function picture({ of, holds }, since, until) {
  const [from, to] = [since * 1000, until * 1000];
  const parts = holds.map((each, place) => ({ from: each.at * 1000, to: (holds[place + 1]?.at ?? until) * 1000, tariff: each.tariff }));
  const ranks = ranked(holds.map((each) => each.tariff));
  const now = holds[0].tariff;
  const said = `Channels of ${names(of)}: ${holds.length - 1} changes ahead; now ${now.name}`;
  const box = drawn((width) => strip(parts, ranks, from, to, width), { class: "plot", role: "img", "aria-label": said });
  return h("div", { class: "price-line" }, h("p", {}, h("span", {}, "Channels of ", of.map((each, place) => [place > 0 ? ", " : "", tariffLink(each.id, each.name)])), h("span", { class: "now" }, "now ", pricePer(now))), box.element);
}

const names = (tariffs) => tariffs.map((each) => each.name).join(", ");

/** How dear each tariff is beside the others, 0 for the cheapest to 1. */
function ranked(tariffs) {
  const dearer = (a, b) => {
    const difference = BigInt(a.numerator) * BigInt(b.denominator) - BigInt(b.numerator) * BigInt(a.denominator);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  };
  const order = [...new Map(tariffs.map((each) => [each.id, each])).values()].sort(dearer);
  return new Map(order.map((each, place) => [each.id, order.length === 1 ? 0.5 : place / (order.length - 1)]));
}

function strip(parts, ranks, from, to, width) {
  const x = (t) => ((t - from) / (to - from)) * width;
  const children = parts.flatMap((each) => part(each, x, ranks.get(each.tariff.id)));
  for (const mark of marks(from, to, Math.max(3, Math.floor(width / 90)))) {
    const at = x(mark.t);
    children.push(s("line", { class: "axis", x1: at, x2: at, y1: BAR, y2: BAR + (mark.day ? 8 : 5) }));
    if (at > 26 && at < width - 26) children.push(s("text", { class: mark.day ? "when day" : "when", x: at, y: BAR + 20 }, mark.text));
  }
  return s("svg", { viewBox: `0 0 ${width} ${BAR + AXIS}`, width, height: BAR + AXIS, "aria-hidden": "true" }, children);
}

function part({ from, to, tariff }, x, rank) {
  const [start, end] = [x(from), x(to)];
  const room = Math.floor((end - start - 14) / LETTER);
  const words = tariff.name.length <= room ? tariff.name : room > 3 ? `${tariff.name.slice(0, room - 1)}…` : "";
  const tone = rank > 0.66 ? "dear" : rank < 0.34 ? "cheap" : "middle";
  return [
    s("rect", { class: `price ${tone}`, x: start, y: 0, width: Math.max(1, end - start - 1), height: BAR }, s("title", {}, tariff.name)),
    words ? s("text", { class: `price-name ${tone}`, x: start + 8, y: BAR / 2 + 4 }, words) : null,
  ];
}

function list(changes) {
  return table({
    name: "prices-ahead",
    caption: "Changes of price that are ahead",
    rows: changes,
    columns: [
      { label: "When", cell: (row) => time(row.at), value: (row) => iso(row.at), order: (row) => row.at },
      { label: "Channels of", cell: (row) => row.of, value: (row) => row.of },
      { label: "From", cell: (row) => tariffLink(row.from.id, row.from.name), value: (row) => row.from.name },
      { label: "To", cell: (row) => tariffLink(row.to.id, row.to.name), value: (row) => row.to.name },
      { ...priceColumn((row) => row.to), label: "Price then" },
      { label: "Unit", cell: (row) => unitName(row.to.unit), value: (row) => row.to.unit },
    ],
    empty: empty("Nothing changes in this time", "What follows now goes on."),
  }).element;
}
