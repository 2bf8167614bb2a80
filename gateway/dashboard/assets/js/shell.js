// The frame: the mark, the way to each page, the signed-in person, the state of the connection.

import { announce, h, replace } from "./dom.js";
import { icon, mark } from "./icons.js";
import { hear, latest, liveness } from "./live.js";
import { may, session, signOut } from "./session.js";
import { nextTheme, theme } from "./theme.js";
import { clock } from "./words.js";

const PAGES = [
  ["overview", "/", "Overview", "getOverview"],
  ["devices", "/devices", "Devices", "listDevices"],
  ["channels", "/channels", "Channels", "listChannels"],
  ["accounts", "/accounts", "Accounts", "listAccounts"],
  ["tariffs", "/tariffs", "Tariffs", "listTariffs"],
  ["settlements", "/settlements", "Settlement", "listSettlements"],
  ["chain", "/chain", "Chain", "getChain"],
  ["bank", "/bank", "Bank", "listUnmatchedBookings"],
  ["events", "/events", "Events", "listEvents"],
  ["audit", "/audit", "Audit log", "listAudit"],
  ["settings", "/settings", "Settings", null],
];

const THEME_WORDS = { auto: "Colours: system", light: "Colours: light", dark: "Colours: dark" };

/** The frame; `leave` is called once the person has signed out, `signal` is raised
 * when the frame is gone. */
export function shell(leave, signal) {
  const main = h("main", { id: "main" });
  const links = PAGES.filter(([, , , operation]) => operation === null || may(operation)).map(([name, path, words]) => ({
    path,
    element: h("a", { href: `#${path}` }, icon(name), h("span", {}, words)),
  }));
  const nav = h("nav", { id: "nav", "aria-label": "Pages" }, links.map((each) => each.element));
  const menu = h("button", { type: "button", class: "menu", "aria-expanded": "false", "aria-controls": "side", onclick: () => open(!opened()) }, icon("menu"), h("span", { class: "unseen" }, "Menu"));
  const side = h("aside", { id: "side", class: "side", "aria-label": "Tallystick" }, nav, person(leave));
  const skip = h("a", { class: "skip", href: "#main", onclick: (event) => skipTo(event, main) }, "Skip to content");
  const element = h(
    "div",
    { class: "shell" },
    skip,
    h("header", { class: "bar" }, h("a", { class: "brand", href: "#/" }, mark(), h("span", {}, "Tallystick")), connection(signal), menu),
    side,
    main,
    h("p", { id: "announcements", class: "unseen", role: "status" }),
  );

  const opened = () => menu.getAttribute("aria-expanded") === "true";
  function open(yes) {
    menu.setAttribute("aria-expanded", String(yes));
    side.classList.toggle("open", yes);
  }
  side.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened()) {
      open(false);
      menu.focus();
    }
  });

  let visited = 0;
  return {
    element,
    /** Mark where we are. */
    at(path) {
      open(false);
      visited += 1;
      for (const each of links) {
        const here = each.path === "/" ? path === "/" : path === each.path || path.startsWith(`${each.path}/`);
        if (here) each.element.setAttribute("aria-current", "page");
        else each.element.removeAttribute("aria-current");
      }
    },
    /** Show a page, and put readers at its beginning. */
    show({ title, content }) {
      document.title = `${title} – Tallystick`;
      replace(main, content);
      window.scrollTo(0, 0);
      // Not at the first, where a reader begins at the top by itself.
      if (visited > 1) main.querySelector("h1")?.focus({ preventScroll: true });
    },
  };
}

function skipTo(event, main) {
  event.preventDefault(); // the address is the router's
  const heading = main.querySelector("h1");
  heading?.focus();
}

function connection(signal) {
  const words = h("span", {});
  const element = h("p", { class: "connection", hidden: !may("watchEvents") }, h("span", { class: "dot", "aria-hidden": "true" }), words);
  const draw = (told) => {
    const state = liveness();
    const last = latest();
    const text =
      state === "live" ? "Live" : state === "connecting" ? "Connecting" : last ? `Connection lost: as of ${clock(last.at)}` : "Connection lost";
    element.dataset.state = state;
    words.textContent = text;
    document.documentElement.dataset.live = state;
    if (told) announce(state === "live" ? "Live again" : text);
  };
  hear("state", signal, (state) => draw(state !== "connecting"));
  draw(false);
  return element;
}

function person(leave) {
  const { name, role } = session();
  const words = h("span", {}, THEME_WORDS[theme()]);
  const picture = h("span", { class: "theme" }, icon(theme()));
  const colours = h("button", { type: "button", class: "quiet side-button", onclick: () => {
    const next = nextTheme();
    words.textContent = THEME_WORDS[next];
    replace(picture, icon(next));
  } }, picture, words);
  const out = h("button", { type: "button", class: "quiet side-button", onclick: async () => {
    await signOut();
    leave();
  } }, icon("out"), h("span", {}, "Sign out"));
  return h("div", { class: "person" }, colours, h("p", {}, h("strong", {}, name), h("span", { class: "role" }, role)), out);
}
