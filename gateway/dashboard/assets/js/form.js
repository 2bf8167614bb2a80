// Forms: fields with labels, what is wrong said at the field, and what the API refuses as well.

import { h, replace } from "./dom.js";
import { atomic } from "./money.js";

let made = 0;

/** A field. `read(input)` makes of it what is sent, and throws Error with a sentence.
 * Kinds: text, password, number, select, area. `name` is the field's in the API's request. */
export function field({ name, label, kind = "text", value = "", hint, options, read, required = true, autocomplete = "off", ...more }) {
  const id = `field-${name}-${(made += 1)}`;
  const common = { id, name, required, "aria-describedby": `${id}-said`, autocomplete, ...more };
  let input;
  if (kind === "select") {
    input = h("select", { ...common, autocomplete: null }, options.map(([each, words]) => h("option", { value: each, selected: each === value }, words)));
  } else if (kind === "area") {
    input = h("textarea", { ...common, rows: 3 });
    input.value = value;
  } else {
    input = h("input", { type: kind === "number" ? "text" : kind, inputmode: kind === "number" ? "numeric" : null, spellcheck: "false", ...common });
    input.value = value;
  }
  const said = h("p", { id: `${id}-said`, class: "hint" }, hint ?? "");
  const element = h("div", { class: "field" }, h("label", { for: id }, label, required ? null : h("span", { class: "optional" }, " optional")), input, said);
  const complain = (message) => {
    input.setAttribute("aria-invalid", message ? "true" : "false");
    said.className = message ? "wrong" : "hint";
    said.textContent = message ? `${label}: ${message}` : (hint ?? "");
  };
  // What was wrong is so no longer, or not yet known to be.
  input.addEventListener("input", () => input.getAttribute("aria-invalid") === "true" && complain(""));
  return {
    name,
    element,
    input,
    complain,
    read() {
      const text = kind === "password" || kind === "area" ? input.value : input.value.trim();
      if (text === "") {
        if (required) throw new Error("must be filled in");
        return undefined;
      }
      return read ? read(text) : text;
    },
  };
}

/** Fields side by side, as a number and its unit. */
export function beside(...fields) {
  return { element: h("div", { class: "beside" }, fields.map((each) => each.element)), fields };
}

/** Whole numbers of at most 15 digits. */
export function whole(text) {
  if (!/^\d{1,15}$/.test(text)) throw new Error("must be a whole number");
  return Number(text);
}

/** For how long more is granted at a price that another follows. */
export const graceField = () => field({ name: "grace_s", label: "Grace, in seconds", kind: "number", value: "3600", hint: "For so long more is granted at the price before. What was signed within that is never priced anew.", read: whole });

/** An amount of a currency with this scale, as the API takes it. */
export const amountOf = (scale) => (text) => atomic(text, scale);

/** A form of these fields. `submit(values)` sends them; what it throws is said at the field that it
 * names, or above the button. */
export function form({ fields, action, submit, danger = false, cancel = null }) {
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const button = h("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
  const element = h(
    "form",
    { class: "form", novalidate: true, onsubmit: (event) => void send(event) },
    fields.map((each) => each.element ?? each),
    trouble,
    h("div", { class: "buttons" }, button, cancel ? h("button", { type: "button", class: "quiet", onclick: cancel }, "Cancel") : null),
  );
  const inputs = fields.flatMap((each) => each.fields ?? each).filter((each) => each.read);

  async function send(event) {
    event.preventDefault();
    trouble.hidden = true;
    const values = read();
    if (values === null) return;
    button.disabled = true;
    try {
      await submit(values);
    } catch (error) {
      refuse(error);
    } finally {
      button.disabled = false;
    }
  }

  function read() {
    const values = {};
    let first = null;
    for (const each of inputs) {
      try {
        const value = each.read();
        if (value !== undefined) values[each.name] = value;
        each.complain("");
      } catch (error) {
        each.complain(error.message);
        first ??= each.input;
      }
    }
    first?.focus();
    return first ? null : values;
  }

  function refuse(error) {
    const named = inputs.filter((each) => error.fields?.has(each.name));
    named.forEach((each) => each.complain(error.fields.get(each.name)));
    if (named.length > 0) named[0].input.focus();
    else {
      replace(trouble, error.message);
      trouble.hidden = false;
    }
  }

  return element;
}
