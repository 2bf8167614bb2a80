// Who may come in, by what; and how this gateway stands after a restore.

import { get, patch, post, remove } from "../api.js";
import { ask, tellOnce } from "../dialog.js";
import { h } from "../dom.js";
import { field, whole } from "../form.js";
import { deviceLink } from "../links.js";
import { button, empty, facts, head, loaded, section } from "../parts.js";
import { forget, may, session } from "../session.js";
import { table } from "../table.js";
import { webhooks } from "../webhooks.js";
import { iso, state, time, who } from "../words.js";

const ROLES = [
  ["viewer", "Viewer: looks"],
  ["operator", "Operator: also decides on devices and channels, and settles"],
  ["finance", "Finance: also lets money move that another asked for"],
  ["admin", "Admin: also sets who there is, what it costs and who may do what"],
  ["owner", "Owner: sees their own accounts only"],
];
const DAY_S = 86_400;

export default function settings() {
  const me = session();
  const content = h(
    "div",
    {},
    head("Settings"),
    section("You", h("div", { class: "panel" }, facts(["Name", me.name], ["Role", me.role], me.accounts === null ? null : ["Accounts", me.accounts.join(", ")], ["In the books", h("code", {}, me.principal)], ["Times are shown in", Intl.DateTimeFormat().resolvedOptions().timeZone])), h("div", { class: "buttons" }, button("Change your password", password))),
    may("listPeople") ? section("People", people()) : null,
    may("listTokens") ? section("Tokens for programs", tokens()) : null,
    may("listWebhooks") ? section("Webhooks", webhooks()) : null,
    may("getRestore") ? section("Restore", restore()) : null,
  );
  return { title: "Settings", content };
}

function password() {
  ask({
    title: "Change your password",
    what: ["All your sessions end, this one too."],
    fields: [
      field({ name: "password", label: "Password now", kind: "password", autocomplete: "current-password" }),
      field({ name: "new_password", label: "Password from now on", kind: "password", autocomplete: "new-password" }),
    ],
    action: "Change it",
    run: (values) => post("/v1/session/password", values),
    then: () => {
      forget();
      location.reload();
    },
  });
}

const names = (text) => text.split(/[\s,]+/).filter(Boolean);
const seen = (value = "") => field({ name: "accounts", label: "Accounts, of an owner", value, required: false, hint: "Ids with a comma between; empty for every other role.", read: names });
const days = (name, value) => field({ name, label: "Good for, in days", kind: "number", value, read: (text) => whole(text) * DAY_S });

function people() {
  const list = table({
    name: "people",
    caption: "People",
    path: "/v1/people",
    columns: [
      { label: "Name", cell: (row) => row.name, value: (row) => row.name },
      { label: "Role", cell: (row) => row.role, value: (row) => row.role },
      { label: "State", cell: (row) => state(row.state), value: (row) => row.state },
      { label: "Accounts", cell: (row) => row.accounts?.join(", ") ?? "all", value: (row) => row.accounts?.join(" ") ?? "" },
      { label: "Second factor", cell: (row) => (row.second_factor ? "yes" : "no"), value: (row) => String(row.second_factor) },
      { label: "Invited", cell: (row) => [time(row.created_at), ` by ${who(row.invited_by)}`], value: (row) => iso(row.created_at), order: (row) => row.created_at },
      { label: "", actions: true, value: () => "", cell: (row) => (row.name === session().name ? "you" : personActions(row, () => list.refresh())) },
    ],
    empty: empty("Nobody comes in yet", "Invite somebody: they get a link that is good once."),
  });
  const invite = () => ask({
    title: "Invite somebody",
    what: ["They choose their password and enrol their authenticator by a link that you give them. Whoever has the link comes in."],
    fields: [field({ name: "name", label: "Name", hint: "a to z, 0 to 9 and -; never used again.", maxlength: 40 }), field({ name: "role", label: "Role", kind: "select", options: ROLES }), seen(), days("lifetime_s", "1")],
    action: "Make the link",
    run: (values) => post("/v1/people", values),
    then: (made) => tellLink(made, () => list.refresh()),
  });
  return [list.element, may("invitePerson") ? h("div", { class: "buttons" }, button("Invite somebody", invite)) : null];
}

function tellLink(made, then) {
  tellOnce(`The link for ${made.name}`, "Give it to them and nobody else. It is told this once, and good once.", [["Link", new URL(made.link, location.origin).href]], then);
}

function personActions(row, then) {
  const path = `/v1/people/${row.name}`;
  return [
    may("changePerson") && button("Role", () => ask({
      title: `What may ${row.name} do?`,
      what: ["Their sessions end, and the tokens that they made."],
      fields: [field({ name: "role", label: "Role", kind: "select", value: row.role, options: ROLES }), seen(row.accounts?.join(", ") ?? "")],
      action: "Set the role",
      run: (values) => patch(path, values),
      then,
    })),
    may("resetPerson") && button("New link", () => ask({
      title: `A new link for ${row.name}?`,
      what: ["Their password and second factor end at once, and their sessions and tokens."],
      fields: [days("lifetime_s", "1")],
      action: "Make the link",
      danger: true,
      run: (values) => post(`${path}/reset`, values),
      then: (made) => tellLink(made, then),
    })),
    row.state === "disabled"
      ? may("enablePerson") && button("Let in again", () => ask({ title: `Let ${row.name} in again?`, what: ["They come in as before."], action: "Let them in", run: () => post(`${path}/enable`), then }))
      : may("disablePerson") && button("Keep out", () => ask({ title: `Keep ${row.name} out?`, what: ["Their sessions and tokens end at once. What they did stays in the books under their name."], action: "Keep them out", danger: true, run: () => post(`${path}/disable`), then })),
  ].filter(Boolean);
}

function tokenState(row) {
  if (row.revoked_at !== null) return "revoked";
  return row.expires_at !== null && row.expires_at * 1000 < Date.now() ? "expired" : "valid";
}

function tokens() {
  const list = table({
    name: "tokens",
    caption: "Tokens",
    path: "/v1/tokens",
    columns: [
      { label: "Name", cell: (row) => row.name, value: (row) => row.name },
      { label: "State", cell: (row) => state(tokenState(row)), value: tokenState },
      { label: "Role", cell: (row) => row.role, value: (row) => row.role },
      { label: "For", cell: (row) => row.scopes?.join(", ") ?? "everything", value: (row) => row.scopes?.join(" ") ?? "" },
      { label: "Made by", cell: (row) => (row.made_by ? who(row.made_by) : "–"), value: (row) => row.made_by },
      { label: "Ends", cell: (row) => (row.expires_at === null ? "never" : time(row.expires_at)), value: (row) => iso(row.expires_at), order: (row) => row.expires_at ?? Infinity },
      { label: "Id", cell: (row) => h("code", {}, row.id), value: (row) => row.id },
      { label: "", actions: true, value: () => "", cell: (row) => (may("revokeToken") && row.revoked_at === null ? button("Revoke", () => ask({ title: `Revoke the token ${row.name}?`, what: ["Whatever uses it is refused at once, and so are tokens that were made by it."], action: "Revoke the token", danger: true, run: () => remove(`/v1/tokens/${row.id}`), then: () => list.refresh() })) : "") },
    ],
    empty: empty("No program has a token", "Make one for each program that uses the API, with no more than it needs."),
  });
  const make = () => ask({
    title: "A token for a program",
    what: ["It can do no more than you, and ends when you do."],
    fields: [
      field({ name: "name", label: "Name", maxlength: 100 }),
      field({ name: "role", label: "Role", kind: "select", value: session().role, options: ROLES }),
      seen(session().accounts?.join(", ") ?? ""),
      field({ name: "scopes", label: "For", required: false, hint: "Tags of routes with a comma between, as devices, channels; empty for everything.", read: names }),
      days("lifetime_s", "90"),
    ],
    action: "Make the token",
    run: (values) => post("/v1/tokens", values),
    then: ({ token }) => tellOnce("The token", "It is told this once, and kept nowhere.", [["Token", token]], () => list.refresh()),
  });
  return [list.element, may("addToken") ? h("div", { class: "buttons" }, button("Make a token", make)) : null];
}

function restore() {
  return loaded(() => get("/v1/restore"), (found, refresh) => h(
    "div",
    { class: "panel" },
    facts(
      ["State", state(found.state)],
      ["Generation", String(found.generation)],
      found.restored_at === null ? null : ["Restored", time(found.restored_at)],
      found.backup_at === null ? null : ["From a backup of", time(found.backup_at)],
      ...Object.entries(found.channels).map(([words, number]) => [`Channels ${words}`, String(number)]),
    ),
    found.state === "fenced" ? [
      h("p", { class: "said" }, "Nothing is granted or settled until the fence is taken down. What is missing:"),
      h("ul", {}, found.missing.map((each) => h("li", {}, each)), found.waiting_for.map((each) => h("li", {}, "waiting for ", deviceLink(each.device_id, each.name)))),
      may("liftFence") ? h("div", { class: "buttons" }, button("Take the fence down", () => ask({ title: "Take the fence down?", what: ["Granting and settling begin again. It is refused while something is missing."], action: "Take it down", run: () => post("/v1/restore/lift", {}), then: refresh }))) : null,
    ] : null,
  )).element;
}
