// A place whose picture depends on how wide it is.

import { h, replace } from "./dom.js";

/** A place that `build(width)` draws, anew whenever its width has changed. Returns its element and
 * `draw()`, which draws it anew at once. */
export function drawn(build, attributes = {}, least = 240) {
  const box = h("div", attributes);
  const draw = () => replace(box, build(Math.max(box.clientWidth || 640, least)));
  let width = 0;
  new ResizeObserver(() => {
    if (box.clientWidth === width) return;
    width = box.clientWidth;
    draw();
  }).observe(box);
  return { element: box, draw };
}
