// Pictures of a few strokes each. They only stand beside words, so readers that speak pass them by.

import { s } from "./dom.js";

const PATHS = {
  overview: "M3 12h4l2.5-7 5 14L17 12h4",
  devices: "M7 3h10v18H7zM10 7h4M12 16.5v.01",
  channels: "M3 8h14l-3-3M21 16H7l3 3",
  accounts: "M4 20c0-4 3.5-6 8-6s8 2 8 6M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8",
  tariffs: "M3 12V4h8l10 10-8 8zM7.5 8.5v.01",
  settlements: "M12 3v18M5 7h14M5 7l-3 7h6zM19 7l-3 7h6z",
  chain: "M10 7H7a5 5 0 0 0 0 10h3M14 7h3a5 5 0 0 1 0 10h-3M8.5 12h7",
  bank: "M3 10 12 4l9 6M5 10v8M10 10v8M14 10v8M19 10v8M3 20h18",
  events: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7v5l3.5 2",
  audit: "M6 3h9l4 4v14H6zM15 3v4h4M9 12h7M9 16h7",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M19 5l-1.4 1.4M6.4 17.6 5 19",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5",
  auto: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 3v18",
  out: "M10 4H4v16h6M9 12h11M16 8l4 4-4 4",
  down: "M12 4v12M7 11l5 5 5-5M4 20h16",
};

/** A picture by its name. */
export function icon(name) {
  return s(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" },
    s("path", { d: PATHS[name] }),
  );
}

/** The mark: a tally stick, notched and then split, so that the halves agree. */
export function mark() {
  return s(
    "svg",
    { viewBox: "0 0 32 32", class: "mark", "aria-hidden": "true", focusable: "false" },
    s("path", { d: "M2 6h28v8.4h-2.6l-1.9-4-1.9 4h-4.2l-1.9-4-1.9 4h-4.2l-1.9-4-1.9 4H2z" }),
    s("path", { d: "M2 26h28v-8.4h-2.6l-1.9 4-1.9-4h-4.2l-1.9 4-1.9-4h-4.2l-1.9 4-1.9-4H2z" }),
  );
}
