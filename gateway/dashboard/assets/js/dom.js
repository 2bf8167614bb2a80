// Elements made of attributes and text nodes. Data never becomes markup here, nor anywhere else.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; `on...` attributes are listeners, null and false ones are left out. */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An SVG element, the same way. */
export function s(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter(present));
  return element;
}

function present(child) {
  return child !== null && child !== undefined && child !== false;
}

/** Put other children into an element. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(present));
  return element;
}

/** Say something to whoever can't see that it has changed. */
export function announce(text) {
  const place = document.getElementById("announcements");
  if (place) place.textContent = text;
}

/** Call `work` now and then again `milliseconds` after each time, until the signal is raised. */
export function every(milliseconds, signal, work) {
  let timer = 0;
  const again = async () => {
    if (signal.aborted) return;
    if (!document.hidden) await work();
    if (!signal.aborted) timer = setTimeout(again, milliseconds);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  return again();
}
