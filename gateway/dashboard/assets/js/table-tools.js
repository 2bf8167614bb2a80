// What stands above a table: search, filters, and all of it as CSV or JSON.

import { announce, h, replace } from "./dom.js";
import { csv, save } from "./export.js";
import { icon } from "./icons.js";
import { address, asked } from "./router.js";

const TYPING_MS = 250;

/** What filters and search are set to at first: as they stand in the address, if they are kept
 * there, so that whoever comes back finds the list as they left it; else each filter's first. */
export function beginning({ filters, searches, kept }) {
  const before = kept ? asked() : new URLSearchParams();
  const chosen = {};
  for (const { name, options } of filters) {
    const value = before.get(name);
    chosen[name] = options.some(([each]) => each === value) ? value : (options[0]?.[0] ?? "");
  }
  for (const { name } of searches) chosen[name] = before.get(name) ?? "";
  return chosen;
}

/** Write what is set into the address, without leaving the page. */
export function keep(chosen) {
  const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value !== ""));
  const rest = query.size > 0 ? `?${query}` : "";
  history.replaceState(null, "", `#${address()}${rest}`);
}

/** Fields for search and filters; `choose(name, value)` is told of each change. */
export function controls({ filters, searches, chosen, choose }) {
  const found = [];
  for (const { name, label, placeholder = "" } of searches) {
    let timer = 0;
    const input = h("input", {
      type: "search", placeholder, autocomplete: "off", spellcheck: "false", value: chosen[name],
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(() => choose(name, input.value.trim()), TYPING_MS);
      },
    });
    found.push(tool(label, input));
  }
  for (const { name, label, options } of filters) {
    const select = h("select", { onchange: () => choose(name, select.value) }, options.map(([value, words]) => h("option", { value, selected: value === chosen[name] }, words)));
    found.push(tool(label, select));
  }
  return found;
}

const tool = (words, input) => h("label", { class: "tool" }, h("span", {}, words), input);

/** Columns for a file, where a number without what it is of says nothing. */
function withUnits(columns) {
  const missing = [["Currency", "currency"], ["Unit", "unit"]].filter(([label]) => !columns.some((each) => each.label === label));
  return [...columns, ...missing.flatMap(([label, of]) => columns.filter((each) => each[of]).slice(0, 1).map((each) => ({ label, value: each[of] })))];
}

/** Buttons that save all rows. `read()` brings them, `fail(error)` says that it could not. */
export function downloads({ name, caption, columns, read, fail }) {
  const shown = withUnits(columns.filter((each) => !each.actions));
  const writers = {
    csv: (rows) => csv([shown.map((each) => each.label), ...rows.map((row) => shown.map((each) => each.value(row)))]),
    json: (rows) => `${JSON.stringify(rows, null, 2)}\n`,
  };
  const button = (kind, type) => {
    const words = h("span", {}, kind.toUpperCase());
    const element = h("button", { type: "button", class: "quiet small", onclick: async () => {
      element.disabled = true;
      replace(words, "Reading…");
      try {
        const rows = await read();
        save(`${name}.${kind}`, writers[kind](rows), type);
        announce(`${rows.length} rows saved`);
      } catch (error) {
        fail(error);
      } finally {
        element.disabled = false;
        replace(words, kind.toUpperCase());
      }
    } }, icon("down"), words);
    return element;
  };
  return h("div", { class: "downloads", role: "group", "aria-label": `${caption} as a file` }, button("csv", "text/csv"), button("json", "application/json"));
}
