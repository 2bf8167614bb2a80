// What pages are put together of: headings, facts, figures, sections.

import { ApiError } from "./api.js";
import { h, replace } from "./dom.js";

/** A page's head: what it is, a word on it, and what can be done here. */
export function head(title, { about, actions = [], state } = {}) {
  return h(
    "header",
    { class: "head" },
    h("div", { class: "title" }, h("div", { class: "named" }, h("h1", { tabindex: "-1" }, title), state ?? null), about ? h("p", { class: "about" }, about) : null),
    actions.some(Boolean) ? h("div", { class: "actions" }, actions.filter(Boolean)) : null,
  );
}

/** A section with a heading of its own. */
export function section(title, ...children) {
  const id = `section-${crypto.randomUUID()}`;
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), children);
}

/** Facts as terms and what they are; entries that are null are left out. */
export function facts(...entries) {
  return h("dl", { class: "facts" }, entries.filter(Boolean).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
}

/** A figure that is read at a glance. */
export function figure(label, value, note = null) {
  return h("div", { class: "figure" }, h("dt", {}, label), h("dd", {}, value, note ? h("span", { class: "note" }, note) : null));
}

/** A row of figures. */
export const figures = (...each) => h("dl", { class: "figures" }, each);

/** A button for something that one may do. */
export function button(words, onclick, tone = "") {
  return h("button", { type: "button", class: tone || null, onclick }, words);
}

/** What to show where there is nothing: what it would be, and what to do next. */
export const empty = (what, ...next) => () => [h("p", { class: "nothing" }, what), next.length > 0 ? h("p", {}, next) : null];

/** A place that shows what `load` finds, and says so where it can't. `refresh()` loads anew. */
export function loaded(load, build) {
  const place = h("div", { class: "loaded", "aria-busy": "true" });
  const refresh = async () => {
    try {
      const found = await load();
      place.classList.remove("stale");
      replace(place, build(found, refresh));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof ApiError)) throw error;
      place.classList.add("stale");
      if (place.childElementCount === 0) replace(place, wrong(error));
    } finally {
      place.removeAttribute("aria-busy");
    }
  };
  const ready = refresh();
  return { element: place, refresh, ready };
}

/** What went wrong, in the gateway's own words. */
export function wrong(error) {
  const words = error.status === 404 ? "There is no such thing here." : error.message;
  return h("p", { class: "trouble", role: "alert" }, words);
}
