// What can be decided about a channel, and what it is asked with.

import { file, post } from "./api.js";
import { ask } from "./dialog.js";
import { save } from "./export.js";
import { moneyText } from "./money.js";
import { button } from "./parts.js";
import { may, seesAccount } from "./session.js";
import { units } from "./words.js";

/** Buttons for a channel that was found so; `then` is called once something was done. */
export function channelActions(found, then) {
  const own = found.mirror_of === null;
  return [
    may("getChannelBundle") ? button("Download evidence", () => void evidence(found), "primary") : null,
    may("getChannelClaim") && found.xrpl_channel !== null ? button("Download XRPL claim", () => void claim(found)) : null,
    may("thawChannel") && found.state === "frozen" && own ? button("Thaw", () => thaw(found, then)) : null,
    closing(found, then),
  ];
}

/** The button that closes a channel, where it may be closed. */
export function closing(found, then, words = "Close") {
  if (!may("closeChannel") || found.state === "closed" || found.mirror_of !== null) return null;
  return button(words, () => ask({
    title: "Close this channel?",
    what: [`It ends at its mark, ${moneyText(found.amount)} for ${units(found.units, found.unit)}; what is not settled is posted now.`, "Its device gets a signed receipt and opens a new channel when it next needs one. This can't be undone."],
    action: "Close the channel",
    danger: true,
    run: () => post(`/v1/channels/${found.id}/close`),
    then,
  }));
}

function thaw(found, then) {
  ask({
    title: "Let this channel go on?",
    what: ["It was frozen because its payer signed two IOUs that can't both be honest. It goes on from the mark that was accepted."],
    action: "Thaw the channel",
    run: () => post(`/v1/channels/${found.id}/thaw`),
    then,
  });
}

/** Whose statements the evidence is to hold: an owner's own, else the payer's. */
function ownAccount(found) {
  return [found.payer_account, found.payee_account].find(seesAccount);
}

async function claim(found) {
  save(`claim-${found.id.slice(0, 12)}.json`, await file(`/v1/channels/${found.id}/claim`));
}

async function evidence(found) {
  try {
    save(`channel-${found.id.slice(0, 12)}.evidence`, await file(`/v1/channels/${found.id}/bundle`, { account: ownAccount(found) }));
  } catch (error) {
    ask({ title: "No evidence yet", what: [error.message], action: "Close", run: async () => {} });
  }
}
