// The end of what says who an account is: one person asks for it, another does it.

import { get, post } from "./api.js";
import { ask } from "./dialog.js";
import { h, replace } from "./dom.js";
import { field } from "./form.js";
import { button, wrong } from "./parts.js";
import { may } from "./session.js";
import { time, who } from "./words.js";

const WHAT = "Its name, its devices' names, where it is paid, and what events and records say of it are erased for good, and it is closed. The books stay.";

/** A button to ask for this account to be erased, or to decide on it where somebody has asked. */
export function erasure(found) {
  const path = `/v1/accounts/${found.id}/erasure`;
  const place = h("div");
  const look = async () => {
    try {
      replace(place, decide(found, path, await get(path), () => replace(place)));
    } catch (error) {
      if (error.status === 404 && may("requestErasure")) request(found, path, look);
      else replace(place, wrong(error));
    }
  };
  return [h("div", { class: "buttons" }, button("Erase", () => void look())), place];
}

function request(found, path, then) {
  ask({
    title: `Erase who ${found.id} is?`,
    what: [`Once another person approves: ${WHAT}`, "It is refused while anything of it is open: channels, devices, tariffs, payouts, runs, or a balance."],
    fields: [field({ name: "reason", label: "Reason", hint: "Kept in the audit log: without a name.", maxlength: 500 })],
    action: "Ask for it",
    danger: true,
    run: (values) => post(path, values),
    then,
  });
}

function decide(found, path, row, then) {
  const changed = () => window.dispatchEvent(new HashChangeEvent("hashchange"));
  return [
    h("p", {}, "Its erasure was asked for by ", who(row.requested_by), ", ", time(row.requested_at), `: ${row.reason}`),
    h("div", { class: "buttons" },
      may("approveErasure") ? button("Erase for good", () => ask({ title: `Erase who ${found.id} is, for good?`, what: [WHAT, "Who asked for it can't approve it."], action: "Erase for good", danger: true, run: () => post(`${path}/approve`), then: changed })) : null,
      may("rejectErasure") ? button("Give it up", () => ask({ title: `Shall ${found.id} not be erased?`, what: ["Nothing changes."], action: "Give it up", run: () => post(`${path}/reject`), then })) : null),
  ];
}
