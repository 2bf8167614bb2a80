// A line over time, drawn as SVG: few marks, a scale with units, the last value said at its end, and
// any other where it is pointed at.

import { h, replace, s } from "./dom.js";
import { drawn } from "./drawn.js";
import { marks } from "./time-axis.js";
import { clock } from "./words.js";

const HEIGHT = 190;
const PAD = { top: 14, bottom: 26 };
const LETTER = 7.2;
const LARGE_LETTER = 8.6;
const GAP_MS = 5_000;
const MARK = 92;

/** A plot of points ({t: milliseconds, v: number}; `said` is the value in digits where `v` is only
 * for drawing). `show(v)` writes a value of the scale, `name` says what it is, `step` is for what
 * rises at once, `gap` how far two points may be apart that a line joins, `dots` shows each.
 * `when(t)` writes an instant that is pointed at. Returns its element with `draw(points, from, to)`. */
export function plot({ name, show, height = HEIGHT, step = false, gap = GAP_MS, dots = false, when = clock }) {
  let last = null;
  let geometry = null;
  const picture = drawn((width) => {
    if (last === null) return null;
    geometry = measured(...last, width, height, show);
    return drawing(geometry, { step, gap, dots });
  });
  const reading = h("p", { class: "reading", "aria-hidden": "true", hidden: true });
  const box = h("div", { class: "plot", role: "img", "aria-label": `${name}: nothing yet`, onpointermove: point, onpointerleave: () => (reading.hidden = true) }, picture.element, reading);

  function point(event) {
    const near = geometry && nearest(geometry, event.clientX - picture.element.getBoundingClientRect().left);
    reading.hidden = !near;
    if (near) replace(reading, `${near.said ?? show(near.v)}, ${when(near.t)}`);
  }

  return {
    element: box,
    draw(points, from, to) {
      last = [points, from, to];
      box.setAttribute("aria-label", told(name, show, points));
      picture.draw();
    },
  };
}

function told(name, show, points) {
  if (points.length === 0) return `${name}: nothing yet`;
  const most = points.reduce((found, each) => (each.v > found.v ? each : found));
  return `${name}: now ${value(points.at(-1), show)}, at most ${value(most, show)} in the time shown`;
}

const value = (point, show) => point.said ?? show(point.v);

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

/** Where everything stands in a picture of this size. */
function measured(points, from, to, width, height, show) {
  const top = ceiling(points.reduce((found, each) => Math.max(found, each.v), 0) * 1.05);
  const scale = [0, top / 2, top].map((each) => ({ v: each, text: show(each) }));
  const end = points.at(-1);
  const words = end ? value(end, show) : "";
  const left = 10 + Math.max(...scale.map((each) => each.text.length)) * LETTER;
  const right = width - Math.max(30, 16 + words.length * LARGE_LETTER);
  const base = height - PAD.bottom;
  const x = (t) => left + ((t - from) / Math.max(1, to - from)) * (right - left);
  const y = (v) => base - (v / top) * (base - PAD.top);
  return { points, from, to, width, height, scale, end, words, left, right, base, x, y };
}

function drawing({ points, from, to, width, height, scale, end, words, left, right, base, x, y }, { step, gap, dots }) {
  const children = scale.flatMap(({ v, text }) => [rule(left, right, y(v), v === 0 ? "axis" : "grid"), label(left - 7, y(v) + 4, text, "scale")]);
  for (const { t, text } of marks(from, to, Math.max(2, Math.floor((right - left) / MARK)))) {
    children.push(s("line", { class: "axis", x1: x(t), x2: x(t), y1: base, y2: base + 4 }));
    if (x(t) > left + 12 && x(t) < width - 28) children.push(label(x(t), height - 8, text, "when"));
  }
  for (const run of unbroken(points, gap)) {
    const line = trace(run, x, y, step);
    children.push(
      s("path", { class: "area", d: `${line}L${x(run.at(-1).t)} ${base}L${x(run[0].t)} ${base}Z` }),
      s("path", { class: "line", d: line }),
    );
  }
  if (dots) children.push(...points.map((each) => s("circle", { class: "dot-at", cx: x(each.t), cy: y(each.v), r: 3 })));
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

function nearest({ points, x }, at) {
  if (points.length === 0) return null;
  return points.reduce((found, each) => (Math.abs(x(each.t) - at) < Math.abs(x(found.t) - at) ? each : found));
}

function trace(run, x, y, step) {
  let path = `M${x(run[0].t)} ${y(run[0].v)}`;
  for (const { t, v } of run.slice(1)) path += step ? `H${x(t)}V${y(v)}` : `L${x(t)} ${y(v)}`;
  return path;
}

/** Stretches without a gap: where nothing was heard, no line is drawn. */
function unbroken(points, gap) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && point.t - run.at(-1).t <= gap) run.push(point);
    else runs.push([point]);
  }
  return runs;
}

const rule = (x1, x2, y, name) => s("line", { x1, x2, y1: y, y2: y, class: name });
const label = (x, y, text, name) => s("text", { x, y, class: name }, text);
