// The inside of a table: its headings and its rows, and the order of these.

import { h } from "./dom.js";

const drawn = new WeakMap();

/** A heading that sorts when it is pressed. */
export function heading(column, onsort) {
  if (column.actions) {
    return { element: h("th", { scope: "col" }, h("span", { class: "unseen" }, "Actions")), mark() {}, allow() {} };
  }
  const button = h("button", { type: "button", onclick: onsort }, column.label);
  const element = h("th", { scope: "col", class: column.number ? "number" : null }, button);
  return {
    element,
    mark: (direction) => (direction ? element.setAttribute("aria-sort", direction) : element.removeAttribute("aria-sort")),
    allow: (allowed, why) => {
      button.disabled = !allowed;
      button.title = allowed ? "" : why;
    },
  };
}

/** Rows in the order of a column; `sorted` is `{column, falling}` or null. */
export function inOrder(rows, sorted) {
  if (sorted === null) return rows;
  const order = sorted.column.order ?? sorted.column.value;
  return [...rows].sort((a, b) => compare(order(a), order(b)) * (sorted.falling ? -1 : 1));
}

function compare(a, b) {
  if (typeof a === "bigint" || typeof a === "number") return a < b ? -1 : a > b ? 1 : 0;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** Draw rows, and leave alone those that are as they were: focus and selection stay where they are. */
export function renew(body, rows, columns) {
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
