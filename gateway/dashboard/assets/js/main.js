// The frame around all pages: who is signed in, where one can go, and whether figures are live.

import { closeDialogs } from "./dialog.js";
import { h, replace } from "./dom.js";
import { address, find, route, turn } from "./router.js";
import { forget as forgetSession, may, resume, session } from "./session.js";
import * as live from "./live.js";
import { shell } from "./shell.js";
import { wrong } from "./parts.js";
import { apply } from "./theme.js";
import signIn from "./pages/sign-in.js";

route("/", () => import("./pages/overview.js"));
route("/devices", () => import("./pages/devices.js"), "listDevices");
route("/devices/:id", () => import("./pages/device.js"), "getDevice");
route("/channels", () => import("./pages/channels.js"), "listChannels");
route("/channels/:id", () => import("./pages/channel.js"), "getChannel");
route("/accounts", () => import("./pages/accounts.js"), "listAccounts");
route("/accounts/:id", () => import("./pages/account.js"), "getAccount");
route("/tariffs", () => import("./pages/tariffs.js"), "listTariffs");
route("/tariffs/new", () => import("./pages/tariff-new.js"), "addTariff");
route("/tariffs/:id", () => import("./pages/tariff.js"), "getTariff");
route("/settlements", () => import("./pages/settlements.js"), "listSettlements");
route("/settlements/:run", () => import("./pages/run.js"), "getSettlement");
route("/chain", () => import("./pages/chain.js"), "getChain");
route("/bank", () => import("./pages/bank.js"), "listUnmatchedBookings");
route("/events", () => import("./pages/events.js"), "listEvents");
route("/audit", () => import("./pages/audit.js"), "listAudit");
route("/settings", () => import("./pages/settings.js"));
route("/welcome/:token", () => import("./pages/welcome.js"));

const app = document.getElementById("app");
let frame = null;
let framed = new AbortController();

/** Show the page of the address. */
async function show() {
  const path = address();
  // From here on: what another page is still waiting for comes too late.
  const signal = turn();
  closeDialogs();
  if (path.startsWith("/welcome/")) return alone(await found(path), signal);
  if (session() === null) return alone({ module: { default: signIn }, params: { then: begin } }, signal);
  if (frame === null) {
    framed = new AbortController();
    frame = shell(leave, framed.signal);
    replace(app, frame.element);
    if (may("watchEvents")) live.start({ pulse: may("getOverview") });
  }
  if (path === "/" && !may("getOverview")) {
    location.replace(`#${beginning()}`);
    return;
  }
  frame.at(path);
  await within(await found(path), signal);
}

/** Where somebody begins who has no overview: an owner, at what is theirs. */
function beginning() {
  const own = session().accounts ?? [];
  return own.length === 1 ? `/accounts/${own[0]}` : "/accounts";
}

async function found(path) {
  try {
    return (await find(path)) ?? { module: { default: () => unknown(path) }, params: {} };
  } catch {
    return { module: { default: unreached }, params: {} };
  }
}

function unreached() {
  throw new Error("The gateway does not answer, and this page was not read before. Try again once it does.");
}

async function within({ module, params, operation = null }, signal) {
  if (signal.aborted) return;
  if (operation !== null && !may(operation)) return frame.show(withheld());
  let page;
  try {
    page = await module.default(params, signal);
  } catch (error) {
    if (signal.aborted) return;
    page = { title: "Not to be shown", content: wrong(error) };
  }
  if (!signal.aborted) frame.show(page);
}

async function alone({ module, params }, signal) {
  if (signal.aborted) return;
  frame = null;
  framed.abort();
  live.forget();
  const page = await module.default(params, signal);
  if (signal.aborted) return;
  document.title = `${page.title} – Tallystick`;
  replace(app, page.content);
}

function unknown(path) {
  return {
    title: "No such page",
    content: h("div", {}, h("h1", { tabindex: "-1" }, "No such page"), h("p", {}, "There is nothing at ", h("code", {}, path), ". ", h("a", { href: "#/" }, "Go to the overview"), ".")),
  };
}

function withheld() {
  return {
    title: "Not for your role",
    content: h("div", {}, h("h1", { tabindex: "-1" }, "Not for your role"), h("p", {}, `You are here as ${session().role}. Ask an admin if you need this page.`)),
  };
}

async function begin() {
  await show();
}

function leave() {
  forgetSession();
  void show();
}

document.addEventListener("signed-out", leave);
window.addEventListener("hashchange", () => void show());
apply();
try {
  await resume();
  await show();
} catch (error) {
  replace(app, h("main", { class: "alone" }, wrong(error), h("button", { type: "button", onclick: () => location.reload() }, "Try again")));
}
