// An account's data as a person's: a copy of all of it, and its end.

import { file, post } from "./api.js";
import { ask } from "./dialog.js";
import { h, replace } from "./dom.js";
import { save } from "./export.js";
import { field } from "./form.js";
import { button } from "./parts.js";
import { may } from "./session.js";
import { time } from "./words.js";

/** What can be done with all that is stored of an account. */
export function personal(found) {
  const path = `/v1/accounts/${found.id}`;
  const trouble = h("p", { class: "wrong", role: "alert" });
  const copy = async () => {
    try {
      save(`${found.id}.json`, await file(`${path}/export`));
      replace(trouble);
    } catch (error) {
      replace(trouble, error.message);
    }
  };
  return [
    h("p", { class: "said" }, found.erased_at === null ? "What is stored of this account, for whoever it is about, as one file." : ["What said who this is was erased ", time(found.erased_at), "."]),
    h("div", { class: "buttons" }, button("Export", () => void copy()), may("eraseAccount") && found.erased_at === null ? button("Erase", () => ask({
      title: `Erase who ${found.id} is?`,
      what: ["Its name, its devices' names, where it is paid, and what events and records say of it are erased for good, and it is closed. The books stay.", "It is refused while anything of it is open: channels, devices, payouts, runs, or a balance."],
      fields: [field({ name: "reason", label: "Reason", hint: "Kept in the audit log: without a name.", maxlength: 500 })],
      action: "Erase for good",
      danger: true,
      run: (values) => post(`${path}/erase`, values),
      then: () => window.dispatchEvent(new HashChangeEvent("hashchange")),
    })) : null),
    trouble,
  ];
}
