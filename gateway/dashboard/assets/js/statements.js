// Statements: of one account over the runs, or of one run over the accounts, in every form.

import { file } from "./api.js";
import { h, replace } from "./dom.js";
import { save } from "./export.js";
import { icon } from "./icons.js";
import { accountLink, runLink } from "./links.js";
import { absolute, money } from "./money.js";
import { empty } from "./parts.js";
import { moneyColumn, table } from "./table.js";
import { iso, time } from "./words.js";

const FORMS = [
  ["PDF", "/pdf", "pdf"],
  ["CSV", "/csv", "csv"],
  ["Signed", "", "statement"],
  ["Lines", "/lines", "lines"],
  ["Proof", "/proof", "proof"],
];

/** Buttons that save the statement of a run for an account. */
function forms(run, account) {
  const trouble = h("span", { role: "alert" });
  const button = ([words, path, ending]) =>
    h("button", { type: "button", class: "quiet small", "aria-label": `${words}: statement of ${account}, run ${run}`, onclick: async () => {
      try {
        save(`statement-${run}-${account}.${ending}`, await file(`/v1/settlements/${run}/statements/${account}${path}`));
        replace(trouble);
      } catch (error) {
        replace(trouble, error.message);
      }
    } }, icon("down"), words);
  return [FORMS.map(button), trouble];
}

function net(value) {
  const amount = BigInt(value.amount);
  return [amount > 0n ? "owes " : amount < 0n ? "is owed " : "even ", money(absolute(value))];
}

/** An account's statements, the newest run first. */
export function statements(account) {
  return table({
    name: `statements-${account}`,
    caption: "Statements",
    path: `/v1/accounts/${account}/statements`,
    columns: [
      { label: "Run", cell: (row) => runLink(row.run), value: (row) => row.run, order: (row) => row.run },
      { label: "From", cell: (row) => time(row.period_start), value: (row) => iso(row.period_start), order: (row) => row.period_start },
      { label: "Until", cell: (row) => time(row.period_end), value: (row) => iso(row.period_end), order: (row) => row.period_end },
      { ...moneyColumn("Net", (row) => row.net), cell: (row) => net(row.net) },
      { label: "", actions: true, value: () => "", cell: (row) => forms(row.run, account) },
    ],
    empty: empty("No statement yet", "Each settlement run makes one for every account that it concerns."),
  }).element;
}

/** The statements of a run, as a table. */
export function statementsOf(run, refs) {
  return table({
    name: `statements-run-${run}`,
    caption: "Statements",
    rows: refs,
    search: { name: "account", label: "Search statements", placeholder: "Part of the account's id", of: (row) => row.account },
    columns: [
      { label: "Account", cell: (row) => accountLink(row.account), value: (row) => row.account },
      { label: "", actions: true, value: () => "", cell: (row) => forms(run, row.account) },
    ],
    empty: empty("No statement yet", "They are signed once the run is netted and, where it waits for a second person, approved."),
  });
}
