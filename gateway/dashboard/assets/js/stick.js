// A measure as a tally stick: how much of a whole is taken, with a notch at each quarter.

import { h, s } from "./dom.js";
import { share } from "./money.js";

const WARN = 800;
const NOTCHES = [250, 500, 750];

function wood(width) {
  let path = `M0 0H${width}V12`;
  for (const notch of [...NOTCHES].reverse()) {
    if (notch < width) path += `H${notch + 7}L${notch} 7L${notch - 7} 12`;
  }
  return `${path}H0Z`;
}

/** A stick for `part` of `whole` (integers of one unit); `label` says both in words. */
export function stick(part, whole, label) {
  const taken = share(part, whole);
  const shown = BigInt(part) > 0n ? Math.max(taken, 4) : 0;
  const tone = taken >= 1000 ? "full" : taken >= WARN ? "high" : "usual";
  const clip = `stick-${crypto.randomUUID()}`;
  return h(
    "span",
    { class: `stick ${tone}`, role: "img", "aria-label": label },
    s(
      "svg",
      { viewBox: "0 0 1000 12", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("clipPath", { id: clip }, s("path", { d: wood(1000) })),
      s("path", { d: wood(1000), class: "whole" }),
      s("rect", { x: 0, y: 0, width: shown, height: 12, class: "part", "clip-path": `url(#${clip})` }),
    ),
  );
}
