// All devices, and how another one comes to them.

import { post, remove } from "../api.js";
import { ask, tellOnce } from "../dialog.js";
import { every, h } from "../dom.js";
import { field, whole } from "../form.js";
import { accountLink, channelLink, deviceLink } from "../links.js";
import { button, empty, head, section } from "../parts.js";
import { accountChoices, may } from "../session.js";
import { moneyColumn, table } from "../table.js";
import { iso, presence, short, state, time, units } from "../words.js";

const LOOK_MS = 3_000;

export default async function devices(_params, signal) {
  const choices = await accountChoices();
  const owners = choices.filter(([id]) => id !== "");
  const list = table({
    name: "devices",
    caption: "Devices",
    path: "/v1/devices",
    kept: true,
    search: { name: "search", label: "Search", placeholder: "Name or beginning of id" },
    filters: [
      { name: "account", label: "Account", options: choices },
      { name: "status", label: "Status", options: [["", "Any"], ["active", "Active"], ["suspended", "Suspended"], ["revoked", "Revoked"]] },
      { name: "online", label: "There", options: [["", "Any"], ["true", "Online"], ["false", "Silent"]] },
    ],
    columns: [
      { label: "Name", cell: (row) => deviceLink(row.id, row.name), value: (row) => row.name },
      { label: "Status", cell: (row) => state(row.status), value: (row) => row.status },
      { label: "There", cell: (row) => presence(row.presence), value: (row) => (row.presence === null ? "" : row.presence.online ? "online" : "offline") },
      { label: "Account", cell: (row) => accountLink(row.account_id), value: (row) => row.account_id },
      { label: "Last IOU", number: true, unit: (row) => row.paying?.unit ?? "", cell: (row) => (row.paying ? units(row.paying.units, row.paying.unit) : h("span", { class: "none" }, "no channel")), value: (row) => row.paying?.units ?? "", order: (row) => row.paying?.units ?? -1 },
      moneyColumn("Amount", (row) => row.paying?.amount ?? null),
      { label: "Channel", cell: (row) => (row.paying ? channelLink(row.paying.channel_id) : "–"), value: (row) => row.paying?.channel_id ?? "" },
      { label: "Id", cell: (row) => short(row.id), value: (row) => row.id },
    ],
    empty: empty("No device is registered", "Add one by its public key, or make a claim code with which a board registers itself."),
  });
  void every(LOOK_MS, signal, () => list.refresh());
  const codes = may("listClaims") ? claimCodes() : null;
  const content = h(
    "div",
    {},
    head("Devices", {
      about: "Machines with a key of their own. Each pays, or is paid, for the account that owns it.",
      actions: [
        may("addClaim") ? button("Make a claim code", () => claim(owners, () => codes?.refresh())) : null,
        may("registerDevice") ? button("Add a device", () => add(owners, list), "primary") : null,
      ],
    }),
    list.element,
    codes ? section("Claim codes", h("p", { class: "said" }, "A board that is given one registers itself, once."), codes.element) : null,
  );
  return { title: "Devices", content };
}

function owner(owners) {
  return field({ name: "account_id", label: "Account", kind: "select", options: owners, hint: owners.length ? "Whose devices these are." : "Add an account first." });
}

function add(owners, list) {
  ask({
    title: "Add a device",
    what: ["A device makes its key itself and never tells it. Its public key is in its log when it starts, or from tallystick device provision."],
    fields: [
      field({ name: "public_key", label: "Public key", hint: "64 hex digits.", maxlength: 64 }),
      field({ name: "name", label: "Name", hint: "For people; up to 100 characters.", maxlength: 100 }),
      owner(owners),
    ],
    action: "Add the device",
    run: (values) => post("/v1/devices", values),
    then: ({ device, mqtt, gateway_key }) => {
      void list.refresh();
      tellOnce("Give these to the device", "Its password is told this once, and kept nowhere. A lost one is replaced on the device's page.", [
        ["MQTT user name and client id", mqtt.username],
        ["MQTT password", mqtt.password],
        ["Gateway key", gateway_key],
      ], () => (location.hash = `#/devices/${device.id}`));
    },
  });
}

function claim(owners, then) {
  ask({
    title: "Make a claim code",
    what: ["Whoever has the code can register one device for this account until it ends."],
    fields: [owner(owners), field({ name: "lifetime_s", label: "Good for, in minutes", kind: "number", value: "15", read: (text) => whole(text) * 60 })],
    action: "Make the code",
    run: (values) => post("/v1/claims", values),
    then: ({ code }) => tellOnce("The claim code", "It is told this once.", [["Code", code]], then),
  });
}

function claimCodes() {
  const list = table({
    name: "claims",
    caption: "Claim codes",
    path: "/v1/claims",
    columns: [
      { label: "Id", cell: (row) => short(row.id), value: (row) => row.id },
      { label: "Account", cell: (row) => accountLink(row.account_id), value: (row) => row.account_id },
      { label: "State", cell: (row) => state(claimState(row)), value: claimState },
      { label: "Good until", cell: (row) => time(row.expires_at), value: (row) => iso(row.expires_at), order: (row) => row.expires_at },
      { label: "Used by", cell: (row) => (row.device_id ? deviceLink(row.device_id) : "–"), value: (row) => row.device_id ?? "" },
      ...(may("revokeClaim") ? [{ label: "", actions: true, value: () => "", cell: (row) => (claimState(row) === "waiting" ? button("Revoke", () => revoke(row, () => list.refresh())) : "") }] : []),
    ],
    empty: empty("No claim code was made"),
  });
  return list;
}

function claimState(row) {
  if (row.used_at !== null) return "used";
  if (row.revoked_at !== null) return "revoked";
  return row.expires_at * 1000 < Date.now() ? "expired" : "waiting";
}

function revoke(row, then) {
  ask({ title: "Revoke this code?", what: ["No device can register by it any more."], action: "Revoke the code", danger: true, run: () => remove(`/v1/claims/${row.id}`), then });
}
