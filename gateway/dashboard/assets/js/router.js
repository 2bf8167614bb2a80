// Which page an address behind the # means. A page is a function that is given its parameters and a
// signal that is raised when it is left, and returns its title and content.

const routes = [];
let leaving = new AbortController();

/** Let addresses of this form (`/devices/:id`) show a page, to whoever may do this operation of the
 * API; `load` brings its module. */
export function route(pattern, load, operation = null) {
  const names = [];
  const form = pattern.replace(/:(\w+)/g, (_all, name) => {
    names.push(name);
    return "([^/]+)";
  });
  routes.push({ form: new RegExp(`^${form}$`), names, load, operation });
}

/** The address now, without its query. */
export const address = () => location.hash.replace(/^#/, "").split("?")[0] || "/";

/** What stands behind the ? in the address. */
export const asked = () => new URLSearchParams(location.hash.split("?")[1] ?? "");

/** Find the page of an address: `{module, params, operation}`, or null. */
export async function find(path) {
  for (const { form, names, load, operation } of routes) {
    const match = form.exec(path);
    if (match) {
      const params = Object.fromEntries(names.map((name, place) => [name, decodeURIComponent(match[place + 1])]));
      return { module: await load(), params, operation };
    }
  }
  return null;
}

/** A signal for the page that comes; the one before is told that it is left. */
export function turn() {
  leaving.abort();
  leaving = new AbortController();
  return leaving.signal;
}
