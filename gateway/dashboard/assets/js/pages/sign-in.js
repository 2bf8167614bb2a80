// Signing in.

import { h } from "../dom.js";
import { field, form } from "../form.js";
import { mark } from "../icons.js";
import { signIn } from "../session.js";

export default function signInPage({ then }) {
  const fields = [
    field({ name: "name", label: "Name", autocomplete: "username", maxlength: 40 }),
    field({ name: "password", label: "Password", kind: "password", autocomplete: "current-password" }),
    field({ name: "code", label: "Code of your authenticator", required: false, autocomplete: "one-time-code", inputmode: "numeric", hint: "Six digits, or a recovery code." }),
  ];
  const content = h(
    "main",
    { class: "alone" },
    h("p", { class: "brand" }, mark(), "Tallystick"),
    h("div", { class: "card" }, h("h1", { tabindex: "-1" }, "Sign in"), form({
      fields,
      action: "Sign in",
      submit: async ({ name, password, code }) => {
        await signIn(name, password, code);
        await then();
      },
    })),
    h("p", {}, "Nobody can come in yet? Make a one-time link on the gateway's machine: ", h("code", {}, "tallystick person invite NAME")),
  );
  return { title: "Sign in", content };
}
