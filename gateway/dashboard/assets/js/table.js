// Lists: a table on a wide screen, cards on a narrow one, page by page from the API, with search,
// filters, and all of it as CSV or JSON.

import { all, get } from "./api.js";
import { announce, h, replace } from "./dom.js";
import { csv, save } from "./export.js";
import { icon } from "./icons.js";
import { decimal, money } from "./money.js";

const FIRST = 100;
const TYPING_MS = 250;
let made = 0;

/** A column of money: exact in files too. `of(row)` is `{amount, currency, scale}` or null. */
export function moneyColumn(label, of) {
  return {
    label,
    number: true,
    cell: (row) => money(of(row)),
    value: (row) => (of(row) ? decimal(of(row).amount, of(row).scale) : ""),
    order: (row) => BigInt(of(row)?.amount ?? 0),
  };
}

/** A table.
 *
 * `columns`: `{label, cell(row) -> node, value(row) -> text for files, order(row)?, number?}`.
 * `path`: the API's list, or `rows`: items that are at hand. `query()` is what the list is asked for.
 * `filters`: `{name, label, options: [[value, words]]}` and `search: {name, label}` become its query.
 * `empty`: what to show, and say to do next, where there is nothing. Returns its element with
 * `refresh()` and, for `rows`, `show(rows)`.
 */
export function table(spec) {
  const { name, caption, columns, path, filters = [], search, empty, query = () => ({}) } = spec;
  // As a filter stands before it is touched: an owner's list is of one account from the start.
  const chosen = Object.fromEntries(filters.map((each) => [each.name, each.options[0]?.[0] ?? ""]));
  let items = spec.rows ?? [];
  let next = null;
  let sorted = null;
  let asked = 0;

  const body = h("tbody");
  const more = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => load(true) }, "Show more");
  const counted = h("p", { class: "counted" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const nothing = h("div", { class: "empty", hidden: true });
  const headings = columns.map((column, index) => heading(column, () => sort(index)));
  const grid = h(
    "table",
    {},
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, headings.map((each) => each.element))),
    body,
  );
  const frame = h("div", { class: "frame" }, grid);
  const tools = h("div", { class: "tools" }, controls(), downloads());
  const foot = h("div", { class: "foot" }, counted, more);
  const element = h(
    "div",
    { class: "listing", "aria-busy": path ? "true" : null },
    tools,
    trouble, frame, nothing,
    foot,
  );

  function controls() {
    const found = [];
    if (search) {
      let timer = 0;
      const input = h("input", {
        type: "search", id: `field-${(made += 1)}`, placeholder: search.placeholder ?? "", autocomplete: "off",
        oninput: () => {
          clearTimeout(timer);
          timer = setTimeout(() => choose(search.name, input.value.trim()), TYPING_MS);
        },
      });
      found.push(h("label", { class: "tool" }, h("span", {}, search.label), input));
    }
    for (const filter of filters) {
      const select = h(
        "select",
        { onchange: () => choose(filter.name, select.value) },
        filter.options.map(([value, words]) => h("option", { value }, words)),
      );
      found.push(h("label", { class: "tool" }, h("span", {}, filter.label), select));
    }
    return found;
  }

  function downloads() {
    const button = (kind, write) =>
      h("button", { type: "button", class: "quiet small", onclick: () => download(kind, write) }, icon("down"), kind.toUpperCase());
    return h(
      "div",
      { class: "downloads", role: "group", "aria-label": `${caption} as a file` },
      button("csv", (rows) => csv([columns.map((each) => each.label), ...rows.map((row) => columns.map((each) => each.value(row)))])),
      button("json", (rows) => `${JSON.stringify(rows, null, 2)}\n`),
    );
  }

  async function download(kind, write) {
    try {
      const rows = path ? await all(path, { ...query(), ...chosen }) : items;
      save(`${name}.${kind}`, write(rows), kind === "csv" ? "text/csv" : "application/json");
    } catch (error) {
      fail(error);
    }
  }

  function choose(field, value) {
    chosen[field] = value;
    load();
  }

  function sort(index) {
    const falling = sorted?.index === index && !sorted.falling;
    sorted = { index, falling };
    headings.forEach((each, place) => each.mark(place === index ? (falling ? "descending" : "ascending") : null));
    draw();
  }

  async function load(further = false) {
    if (!path) return draw();
    const turn = (asked += 1);
    try {
      const limit = further ? FIRST : Math.min(1000, Math.max(FIRST, items.length));
      const page = await get(path, { ...query(), ...chosen, limit, cursor: further ? next : null });
      if (turn !== asked) return;
      items = further ? [...items, ...page.items] : page.items;
      next = page.next ?? null;
      trouble.hidden = true;
      element.classList.remove("stale");
      draw();
    } catch (error) {
      if (turn === asked) fail(error);
    }
  }

  function fail(error) {
    element.removeAttribute("aria-busy");
    trouble.textContent = items.length > 0 ? `${error.message} What is shown is older.` : error.message;
    trouble.hidden = false;
    element.classList.add("stale");
  }

  function draw() {
    element.removeAttribute("aria-busy");
    let rows = items;
    if (sorted && next === null) {
      const order = columns[sorted.index].order ?? columns[sorted.index].value;
      rows = [...items].sort((a, b) => compare(order(a), order(b)) * (sorted.falling ? -1 : 1));
    }
    // A part of a list in another order than its own would look like the whole.
    headings.forEach((each) => each.allow(next === null && items.length > 1));
    renew(body, rows, columns);
    const filtered = Boolean(chosen[search?.name]) || filters.some((each) => chosen[each.name] !== (each.options[0]?.[0] ?? ""));
    tools.hidden = foot.hidden = rows.length === 0 && !filtered;
    frame.hidden = rows.length === 0;
    nothing.hidden = rows.length > 0;
    if (rows.length === 0) replace(nothing, filtered ? h("p", {}, "Nothing fits what is searched for.") : empty());
    more.hidden = next === null;
    const words = rows.length === 0 ? "" : `${rows.length}${next === null ? "" : " of more"}`;
    if (counted.textContent !== words) {
      counted.textContent = words;
      if (filtered) announce(words ? `${words} found` : "Nothing found");
    }
  }

  load();
  return {
    element,
    refresh: () => load(),
    show: (rows) => {
      items = rows;
      draw();
    },
  };
}

function compare(a, b) {
  if (typeof a === "bigint" || typeof a === "number") return a < b ? -1 : a > b ? 1 : 0;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function heading(column, onsort) {
  if (column.actions) {
    return { element: h("th", { scope: "col" }, h("span", { class: "unseen" }, "Actions")), mark() {}, allow() {} };
  }
  const button = h("button", { type: "button", onclick: onsort }, column.label);
  const element = h("th", { scope: "col", class: column.number ? "number" : null }, button);
  return {
    element,
    mark: (direction) => (direction ? element.setAttribute("aria-sort", direction) : element.removeAttribute("aria-sort")),
    allow: (allowed) => (button.disabled = !allowed),
  };
}

const drawn = new WeakMap();

/** Draw rows, and leave alone those that are as they were: focus and selection stay where they are. */
function renew(body, rows, columns) {
  const before = [...body.children];
  rows.forEach((row, place) => {
    const said = JSON.stringify(row);
    const old = before[place];
    if (old && drawn.get(old) === said) return;
    const fresh = h("tr", {}, columns.map((column) => filled(column, row)));
    drawn.set(fresh, said);
    if (!old) body.append(fresh);
    else swap(old, fresh);
  });
  before.slice(rows.length).forEach((each) => each.remove());
}

function filled(column, row) {
  const content = column.cell(row);
  if (!column.actions) {
    return h("td", { class: column.number ? "number" : null, "data-label": column.label }, h("span", {}, content));
  }
  return h("td", { class: "actions", "data-label": column.label }, content);
}

function swap(old, fresh) {
  const reach = (row) => [...row.querySelectorAll("a, button")];
  const place = reach(old).indexOf(document.activeElement);
  old.replaceWith(fresh);
  if (place >= 0) reach(fresh)[place]?.focus();
}
