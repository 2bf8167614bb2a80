// Gross and net as a picture: for each account what it owes and is owed, and the one amount that is
// left of both.

import { h, s } from "./dom.js";
import { accountLink } from "./links.js";
import { absolute, count, money, moneyText, share, sum } from "./money.js";

const WIDTH = 1000;
const MOST = 12; // accounts that are drawn: of more nobody sees which is which

/** The positions of a run, or of one that would be. */
export function flow(positions) {
  if (positions.length === 0) return h("p", { class: "none" }, "No account has a position.");
  const { currency, scale } = positions[0].net;
  const drawn = [...positions].sort((a, b) => larger(b) - larger(a)).slice(0, MOST);
  const gross = sum(positions.map((each) => each.debits), currency, scale);
  const most = positions.reduce((found, each) => [each.debits, each.credits, absolute(each.net)].reduce((high, one) => (BigInt(one.amount) > high ? BigInt(one.amount) : high), found), 0n);
  const moved = sum(positions.map((each) => each.net).filter((each) => BigInt(each.amount) > 0n), currency, scale);
  return h(
    "div",
    {},
    h("p", { class: "said" }, money(gross), " was used; ", money(moved), " is left to move between accounts."),
    h("p", { class: "key", "aria-hidden": "true" }, h("span", { class: "owes" }, "owes"), h("span", { class: "owed" }, "is owed"), h("span", { class: "net" }, "net")),
    h("ul", { class: "flow" }, drawn.map((each) => row(each, most))),
    drawn.length < positions.length ? h("p", { class: "said" }, `The ${count(drawn.length)} largest of ${count(positions.length)} accounts.`) : null,
  );
}

/** How much goes through an account; for an order alone. */
const larger = ({ debits, credits }) => Number(BigInt(debits.amount) + BigInt(credits.amount));

function row(position, most) {
  const net = BigInt(position.net.amount);
  return h(
    "li",
    { class: "row" },
    h("p", {}, accountLink(position.account), h("strong", {}, net > 0n ? "pays " : net < 0n ? "is paid " : "even ", net === 0n ? null : money(absolute(position.net)))),
    h(
      "div",
      { class: "bars", role: "img", "aria-label": `${position.account} owes ${moneyText(position.debits)} and is owed ${moneyText(position.credits)}` },
      [["owes", position.debits], ["owed", position.credits], ["net", absolute(position.net)]]
        .filter(([, value]) => BigInt(value.amount) > 0n)
        .map(([name, value]) => bar(name, share(value.amount, most))),
    ),
  );
}

function bar(name, thousandths) {
  return s(
    "svg",
    { viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "bed", x: 0, y: 0, width: WIDTH, height: 10 }),
    s("rect", { class: name, x: 0, y: 0, width: Math.max(thousandths, 3), height: 10 }),
  );
}
