// Lists: a table on a wide screen, cards on a narrow one, with search, filters, and files.

import { all, get } from "./api.js";
import { announce, h, replace } from "./dom.js";
import { decimal, exactPrice, money } from "./money.js";
import { heading, inOrder, renew } from "./table-rows.js";
import { beginning, controls, downloads, keep } from "./table-tools.js";
import { pricePer } from "./words.js";

const STEP = 100;
const FEW = 12; // rows that are seen at a glance, and need no search
const MOST_AT_ONCE = 1000;
const UNSORTED = "Only a whole list can be sorted: narrow it, or show the rest";

/** A column of money: exact in files too. `of(row)` is `{amount, currency, scale}` or null. */
export function moneyColumn(label, of) {
  return {
    label,
    number: true,
    currency: (row) => of(row)?.currency ?? "",
    cell: (row) => money(of(row)),
    value: (row) => (of(row) ? decimal(of(row).amount, of(row).scale) : ""),
    order: (row) => BigInt(of(row)?.amount ?? 0),
  };
}

/** A column of prices; `of(row)` is a tariff. */
export function priceColumn(of) {
  return {
    label: "Price",
    number: true,
    currency: (row) => of(row).currency,
    unit: (row) => of(row).unit,
    cell: (row) => pricePer(of(row)),
    value: (row) => exactPrice(of(row)),
  };
}

/** A table.
 *
 * `columns`: `{label, cell(row) -> node, value(row) -> text for files, order(row)?, number?}`; what
 * their numbers are of, `currency(row)` or `unit(row)`, has a column of its own in files.
 * Its rows come from `path`, a list of the API's, page by page, for which `query()` says what it is
 * asked for; or whole from `load()`, or as `rows` that are at hand.
 * `filters`: `{name, label, options: [[value, words]]}` and `search: {name, label}`, one or several,
 * become the query of a `path`; of other rows `search.of(row)` is the text that is searched. `kept`:
 * they stand in the address. `empty`: what to show, and say to do next, where there is nothing. Returns its
 * element with `refresh()` and, for `rows`, `show(rows)`.
 */
export function table(spec) {
  const { name, caption, columns, path = null, load: whole = null, filters = [], search, empty, query = () => ({}), kept = false } = spec;
  const searches = [search ?? []].flat();
  const chosen = beginning({ filters, searches, kept });
  const untouched = beginning({ filters, searches, kept: false });
  const local = path === null;
  let items = spec.rows ?? [];
  let next = null; // where a list of the API's goes on
  let room = STEP; // how many are shown of those at hand
  let sorted = null;
  let turns = 0;

  const body = h("tbody");
  const more = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => further() }, "Show more");
  const counted = h("p", { class: "counted" });
  const said = h("span", { role: "alert" });
  const trouble = h("div", { class: "trouble", hidden: true }, said, h("button", { type: "button", class: "small", onclick: () => void refresh() }, "Try again"));
  const nothing = h("div", { class: "empty", hidden: true });
  const headings = columns.map((column, index) => heading(column, () => sort(index)));
  const frame = h("div", { class: "frame" }, h(
    "table",
    {},
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, headings.map((each) => each.element))),
    body,
  ));
  const choices = h("div", { class: "choices" }, controls({ filters, searches, chosen, choose }));
  const tools = h("div", { class: "tools" }, choices);
  const foot = h("div", { class: "foot" }, counted, more);
  const files = downloads({ name, caption, columns, fail, read: async () => (local ? fitting() : all(path, { ...query(), ...chosen })) });
  // Beside what narrows the list; below it where nothing does.
  (choices.childElementCount > 0 && !local ? tools : foot).append(files);
  const element = h("div", { class: "listing", "aria-busy": path || whole ? "true" : null }, tools, trouble, frame, nothing, foot);

  function choose(field, value) {
    chosen[field] = value;
    room = STEP;
    if (kept) keep(chosen);
    if (local) draw();
    else void load(STEP);
  }

  function sort(index) {
    const column = columns[index];
    sorted = { column, falling: sorted?.column === column && !sorted.falling };
    headings.forEach((each, place) => each.mark(place === index ? (sorted.falling ? "descending" : "ascending") : null));
    draw();
  }

  function further() {
    if (local) {
      room += STEP;
      return draw();
    }
    return load(STEP, items, next);
  }

  /** Read `count` more rows after those before, from a cursor on; or all, if that is how they come. */
  async function load(count, before = [], cursor = null) {
    const turn = (turns += 1);
    try {
      let found = before;
      let after = cursor;
      if (whole) found = await whole();
      for (let open = count; path && open > 0 && (open === count || after !== null); open -= MOST_AT_ONCE) {
        const page = await get(path, { ...query(), ...chosen, limit: Math.min(MOST_AT_ONCE, open), cursor: after });
        found = [...found, ...page.items];
        after = page.next ?? null;
      }
      if (turn !== turns) return;
      [items, next] = [found, after];
      trouble.hidden = true;
      element.classList.remove("stale");
      draw();
    } catch (error) {
      if (turn === turns) fail(error);
    }
  }

  function fail(error) {
    element.removeAttribute("aria-busy");
    trouble.hidden = false;
    replace(said, items.length > 0 ? `${error.message} What is shown is older.` : error.message);
    frame.hidden = foot.hidden = items.length === 0;
    element.classList.add("stale");
  }

  /** The rows that are at hand, as far as they fit what is searched for, in their order. */
  function fitting() {
    const wanted = local ? searches.filter(({ name: field }) => chosen[field] !== "") : [];
    const rows = items.filter((row) => wanted.every(({ name: field, of }) => of(row).toLowerCase().includes(chosen[field].toLowerCase())));
    return inOrder(rows, next === null ? sorted : null);
  }

  function draw() {
    element.removeAttribute("aria-busy");
    const found = fitting();
    const rows = local ? found.slice(0, room) : found;
    // A part of a list in another order than its own would look like the whole.
    headings.forEach((each) => each.allow(next === null && found.length > 1, next === null ? "" : UNSORTED));
    renew(body, rows, columns);
    const filtered = Object.keys(chosen).some((each) => chosen[each] !== untouched[each]);
    tools.hidden = choices.childElementCount === 0 || (items.length <= (local ? FEW : 0) && !filtered);
    frame.hidden = rows.length === 0;
    nothing.hidden = rows.length > 0;
    if (rows.length === 0) replace(nothing, filtered ? h("p", {}, "Nothing fits what is searched for.") : empty());
    more.hidden = rows.length === found.length && next === null;
    const words = rows.length < found.length ? `${rows.length} of ${found.length}` : next !== null ? `The first ${rows.length}` : rows.length > FEW || filtered ? `${rows.length} in all` : "";
    foot.hidden = rows.length === 0 || (words === "" && !foot.contains(files));
    if (counted.textContent !== words) {
      counted.textContent = words;
      if (filtered) announce(rows.length > 0 ? words : "Nothing found");
    }
  }

  const refresh = () => (local && !whole ? draw() : load(Math.max(STEP, items.length)));
  if (local && !whole) draw();
  else void refresh();
  return {
    element,
    refresh,
    show: (rows) => {
      items = rows;
      draw();
    },
  };
}
