// Coming in by a one-time link: who it is for, a password, and a second factor.

import { post } from "../api.js";
import { h, replace } from "../dom.js";
import { field, form } from "../form.js";
import { mark } from "../icons.js";
import { qr } from "../qr.js";
import { resume } from "../session.js";

export default async function welcome({ token }) {
  const card = h("div", { class: "card" });
  const content = h("main", { class: "alone" }, h("p", { class: "brand" }, mark(), "Tallystick"), card);
  try {
    replace(card, enter(await post("/v1/welcome", { token }), token, card));
  } catch (error) {
    replace(card, h("h1", { tabindex: "-1" }, "This link lets nobody in"), h("p", {}, error.message), h("p", {}, "Ask whoever made it for another one. ", h("a", { href: "#/" }, "Sign in")));
  }
  return { title: "Welcome", content };
}

function enter(found, token, card) {
  const password = field({ name: "password", label: "Password to have from now on", kind: "password", autocomplete: "new-password", hint: "A few words that belong together for nobody but you." });
  const again = field({ name: "again", label: "The same once more", kind: "password", autocomplete: "new-password", read: (text) => {
    if (text !== password.input.value) throw new Error("is not the same");
    return text;
  } });
  const code = field({ name: "code", label: "Code that it shows", required: found.totp_required, autocomplete: "one-time-code", inputmode: "numeric", hint: found.totp_required ? "Six digits." : "Six digits; leave it empty to do without." });
  return [
    h("h1", { tabindex: "-1" }, `Welcome, ${found.name}`),
    h("p", {}, `You come in as ${found.role}. Choose a password, and take this up with an authenticator on your phone.`),
    qr(found.totp_uri, "Code for an authenticator; the key below says the same"),
    h("dl", { class: "facts once" }, h("dt", {}, "Key"), h("dd", {}, h("code", { id: "totp-secret" }, found.totp_secret))),
    form({
      fields: [h("input", { type: "text", value: found.name, autocomplete: "username", hidden: true, "aria-hidden": "true" }), password, again, code],
      action: "Come in",
      submit: async ({ again: _same, ...values }) => {
        const { recovery_codes: codes } = await post("/v1/welcome/enter", { token, ...values });
        // Used up: it shall not stand in the address any longer.
        history.replaceState(null, "", "#/");
        await resume({ surely: true });
        if (codes.length > 0) replace(card, keep(codes));
        else go();
      },
    }),
  ];
}

function keep(codes) {
  return [
    h("h1", { tabindex: "-1" }, "Keep these recovery codes"),
    h("p", {}, "Each signs you in once without your authenticator. They are told only now."),
    h("ul", { class: "codes" }, codes.map((each) => h("li", {}, h("code", {}, each)))),
    h("div", { class: "buttons" }, h("button", { type: "button", class: "primary", onclick: go }, "I have kept them")),
  ];
}

function go() {
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}
