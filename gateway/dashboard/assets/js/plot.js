// A line over time, drawn as SVG: few marks, the last and the highest value said beside them.

import { h, replace, s } from "./dom.js";
import { clock } from "./words.js";

const HEIGHT = 190;
const PAD = { top: 22, bottom: 24, left: 8 };
const LETTER = 8.6;
const EDGE = 34;
const GAP_MS = 5_000;

/** A plot of `points` ({t: milliseconds, v: number}; `said` is the value in digits where `v` is only
 * for drawing). `show(v)` writes a value, `name` says what it is. Returns its element with `draw(points, from, to)`. */
export function plot({ name, show, height = HEIGHT, step = false }) {
  const box = h("div", { class: "plot", role: "img", "aria-label": `${name}: nothing yet` });
  let last = null;
  const draw = (points, from, to) => {
    last = [points, from, to];
    const width = Math.max(box.clientWidth || 640, 240);
    box.setAttribute("aria-label", said(name, show, points));
    replace(box, picture({ points, from, to, width, height, show, step }));
  };
  const observer = new ResizeObserver(() => last && draw(...last));
  observer.observe(box);
  return { element: box, draw };
}

function said(name, show, points) {
  if (points.length === 0) return `${name}: nothing yet`;
  const most = points.reduce((found, each) => Math.max(found, each.v), 0);
  return `${name}: now ${points.at(-1).said ?? show(points.at(-1).v)}, at most ${show(most)} in the time shown`;
}

/** When a plot begins that ends now: with its first point, but no less than half a minute and no more
 * than `most` ago. */
export function beginning(points, now, most) {
  const age = points.length > 0 ? now - points[0].t : 0;
  return now - Math.min(most, Math.max(30_000, age));
}

/** The next round number at or above, for the top of the scale. */
export function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((each) => each * power).find((each) => each >= value - 1e-9);
}

function picture({ points, from, to, width, height, show, step }) {
  const top = ceiling(points.reduce((found, each) => Math.max(found, each.v), 0) * 1.05);
  const end = points.at(-1);
  const words = end ? (end.said ?? show(end.v)) : "";
  const right = Math.max(64, 20 + words.length * LETTER);
  const inner = { w: width - PAD.left - right, h: height - PAD.top - PAD.bottom };
  const x = (t) => PAD.left + ((t - from) / Math.max(1, to - from)) * inner.w;
  const y = (v) => PAD.top + (1 - v / top) * inner.h;
  const base = y(0);
  const children = [
    rule(PAD.left, PAD.left + inner.w, base, "axis"),
    rule(PAD.left, PAD.left + inner.w, y(top), "grid"),
    rule(PAD.left, PAD.left + inner.w, y(top / 2), "grid"),
    label(PAD.left, y(top) - 6, show(top), "scale"),
    ...times(from, to, x, height - 7),
  ];
  for (const run of unbroken(points)) {
    const line = trace(run, x, y, step);
    children.push(
      s("path", { class: "area", d: `${line}L${x(run.at(-1).t)} ${base}L${x(run[0].t)} ${base}Z` }),
      s("path", { class: "line", d: line }),
    );
  }
  if (end) {
    children.push(
      s("circle", { class: "end", cx: x(end.t), cy: y(end.v), r: 3.5 }),
      label(x(end.t) + 9, y(end.v) + 4, words, "value"),
    );
  }
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true", focusable: "false" },
    children,
  );
}

function trace(run, x, y, step) {
  let path = `M${x(run[0].t)} ${y(run[0].v)}`;
  for (const { t, v } of run.slice(1)) path += step ? `H${x(t)}V${y(v)}` : `L${x(t)} ${y(v)}`;
  return path;
}

/** Stretches without a gap: where nothing was heard, no line is drawn. */
function unbroken(points) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && point.t - run.at(-1).t <= GAP_MS) run.push(point);
    else runs.push([point]);
  }
  return runs;
}

function times(from, to, x, at) {
  const found = [];
  const span = to - from;
  const every = [10_000, 30_000, 60_000, 300_000, 600_000].find((each) => span / each <= 6) ?? span;
  for (let t = Math.ceil(from / every) * every; t <= to - every / 4; t += every) {
    if (x(t) < EDGE) continue;
    found.push(label(x(t), at, clock(t).replace(/:00(?=\D|$)/, ""), "when"));
  }
  return found;
}

const rule = (x1, x2, y, name) => s("line", { x1, x2, y1: y, y2: y, class: name });
const label = (x, y, text, name) => s("text", { x, y, class: name }, text);
