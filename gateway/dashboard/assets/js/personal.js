// An account's data as a person's: a copy of all of it, and its end.

import { file } from "./api.js";
import { h, replace } from "./dom.js";
import { erasure } from "./erasure.js";
import { save } from "./export.js";
import { button } from "./parts.js";
import { may } from "./session.js";
import { time } from "./words.js";

/** What can be done with all that is stored of an account. */
export function personal(found) {
  const trouble = h("p", { class: "wrong", role: "alert" });
  const copy = async () => {
    try {
      save(`${found.id}.json`, await file(`/v1/accounts/${found.id}/export`));
      replace(trouble);
    } catch (error) {
      replace(trouble, error.message);
    }
  };
  return [
    h("p", { class: "said" }, found.erased_at === null ? "What is stored of this account, for whoever it is about, as one file." : ["What said who this is was erased ", time(found.erased_at), "."]),
    h("div", { class: "buttons" }, button("Export", () => void copy())),
    trouble,
    may("getErasure") && found.erased_at === null ? erasure(found) : null,
  ];
}
