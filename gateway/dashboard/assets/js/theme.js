// Light or dark: as the system says, unless the viewer has chosen.

const KEY = "tallystick-theme";
const THEMES = ["auto", "light", "dark"];

/** What was chosen: `auto`, `light` or `dark`. */
export function theme() {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.includes(kept) ? kept : "auto";
  } catch {
    return "auto"; // a browser that keeps nothing
  }
}

/** Choose the next one, and return it. */
export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // It lasts until the page is loaded anew.
  }
  apply(next);
  return next;
}

/** Show the page so. */
export function apply(chosen = theme()) {
  document.documentElement.dataset.theme = chosen;
}
