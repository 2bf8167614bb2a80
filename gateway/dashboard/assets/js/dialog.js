// Questions that stand before everything else until they are answered.

import { h, replace } from "./dom.js";
import { form } from "./form.js";

/** A dialog with these contents; `close()` ends it. Focus goes back to where it was. One that
 * `stays` ends by nothing else, neither Escape nor another page. */
export function dialog(title, build, { onclose = () => {}, stays = false } = {}) {
  const id = `title-${crypto.randomUUID()}`;
  const element = h("dialog", { "aria-labelledby": id, "data-stays": stays, oncancel: (event) => stays && event.preventDefault() });
  const close = () => element.close();
  replace(element, h("h2", { id }, title), build(close));
  element.addEventListener("close", () => {
    element.remove();
    onclose();
  });
  document.body.append(element);
  element.showModal();
  return close;
}

/** End every dialog that need not stay: the page that asked is left. */
export function closeDialogs() {
  document.querySelectorAll("dialog:not([data-stays])").forEach((each) => each.close());
}

/** Ask before something is done, and say what will happen. `fields` may ask for more. */
export function ask({ title, what, fields = [], action, danger = false, run, then = () => {} }) {
  dialog(title, (close) => [
    ...what.map((each) => (typeof each === "string" ? h("p", {}, each) : each)),
    form({
      fields,
      action,
      danger,
      cancel: close,
      submit: async (values) => {
        const result = await run(values);
        close();
        await then(result);
      },
    }),
  ]);
}

/** Show what is told only once; it stays until the reader says so. */
export function tellOnce(title, intro, entries, then = () => {}) {
  dialog(
    title,
    (close) => [
      h("p", {}, intro),
      h("dl", { class: "facts once" }, entries.map(([term, value]) => [h("dt", {}, term), h("dd", {}, h("code", {}, value))])),
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "primary", onclick: close }, "I have kept it"),
        h("button", { type: "button", class: "quiet", onclick: (event) => copy(event.target, entries) }, "Copy all")),
    ],
    { onclose: then, stays: true },
  );
}

async function copy(button, entries) {
  try {
    await navigator.clipboard.writeText(entries.map(([term, value]) => `${term}: ${value}`).join("\n"));
    button.textContent = "Copied";
  } catch {
    button.textContent = "This browser does not let a page copy";
  }
}
