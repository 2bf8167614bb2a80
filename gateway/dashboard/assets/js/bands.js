// Times of use: whenever one falls due, one tariff follows another.

import { all, get, post, remove } from "./api.js";
import { ask } from "./dialog.js";
import { h } from "./dom.js";
import { field, graceField } from "./form.js";
import { tariffLink } from "./links.js";
import { button, empty } from "./parts.js";
import { may } from "./session.js";
import { table } from "./table.js";
import { iso, time } from "./words.js";

/** The list of times of use; `changed` is called once one was added or removed. */
export function bands(changed) {
  const rows = () => get("/v1/bands").then(({ items }) => items);
  const list = table({
    name: "times-of-use",
    caption: "Times of use",
    load: rows,
    columns: [
      { label: "Tariff", cell: (row) => tariffLink(row.tariff_id, row.tariff), value: (row) => row.tariff },
      { label: "Is followed by", cell: (row) => tariffLink(row.follower_id, row.follower), value: (row) => row.follower },
      { label: "Times", cell: (row) => h("code", {}, row.cron), value: (row) => row.cron },
      { label: "Time zone", cell: (row) => row.time_zone, value: (row) => row.time_zone },
      { label: "Next", cell: (row) => (row.next_due === null ? "–" : time(row.next_due)), value: (row) => iso(row.next_due), order: (row) => row.next_due ?? Infinity },
      ...(may("removeBand") ? [{ label: "", actions: true, value: () => "", cell: (row) => button("Remove", () => end(row, again)) }] : []),
    ],
    empty: empty("No time of use", "With one for the evening and one for the morning, a night price follows a day price, and the day price the night's."),
  });
  const again = async () => {
    await list.refresh();
    changed();
  };
  return [list.element, may("addBand") ? h("div", { class: "buttons" }, button("Add a time of use", () => void add(again))) : null];
}

async function add(then) {
  const tariffs = (await all("/v1/tariffs")).filter((each) => each.pricing === "metered");
  const options = tariffs.map((each) => [each.id, each.name]);
  ask({
    title: "When does a price follow another?",
    what: ["At each of these times open channels of the one go over to the other. Both measure one unit, are paid to one account, and ask it for the same fees.", "Until then what follows now stays so."],
    fields: [
      field({ name: "tariff_id", label: "Tariff", kind: "select", options }),
      field({ name: "follower_id", label: "Is followed by", kind: "select", options, value: options[1]?.[0] }),
      field({ name: "cron", label: "Times, as cron has them", hint: "Minute, hour, day, month, weekday: 0 22 * * * is each evening at ten; 0 6 * * 1-5 at six from Monday to Friday.", maxlength: 100 }),
      field({ name: "time_zone", label: "Time zone", value: Intl.DateTimeFormat().resolvedOptions().timeZone, hint: "Whose clock that is." }),
      graceField(),
    ],
    action: "Add the time of use",
    run: (values) => post("/v1/bands", values),
    then,
  });
}

function end(row, then) {
  const query = new URLSearchParams({ cron: row.cron, time_zone: row.time_zone });
  ask({
    title: `Shall ${row.follower} follow ${row.tariff} no more at ${row.cron}?`,
    what: ["What follows now stays so, until something else does."],
    action: "Remove the time of use",
    danger: true,
    run: () => remove(`/v1/bands/${row.tariff_id}/${row.follower_id}?${query}`),
    then,
  });
}
