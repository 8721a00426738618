// Questions to whoever sits in front of the page. Escape says no to each of them.

import { hasToken, isToken, keepToken } from "./api.js";
import { byId, setText } from "./dom.js";

/** Asks whether to do something. */
export function confirm(title, text, yes) {
  setText(byId("confirm-title"), title);
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), yes);
  const dialog = byId("confirm-dialog");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => resolve(dialog.returnValue === "yes");
    dialog.addEventListener("close", closed, { once: true });
  });
}

const tokenDialog = byId("token-dialog");

/** Asks for the token, and calls `given` when there is one. The one that there is was refused. */
export function askForToken(given) {
  if (tokenDialog.open) return;
  const explain = (fault) => setText(tokenDialog.querySelector("[role=alert]"), fault);
  explain(hasToken() ? "This token was refused: it is not the one in the file." : "");
  tokenDialog.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    const token = new FormData(event.target).get("token").trim();
    if (!isToken(token)) {
      explain("A token is one word of ASCII characters.");
      return;
    }
    keepToken(token);
    event.target.reset();
    tokenDialog.close();
    given();
  };
  tokenDialog.showModal();
}

// Nothing can be done without it.
tokenDialog.addEventListener("cancel", (event) => event.preventDefault());

/** Whether a token is needed, and there is none to be tried. */
export function isLocked() {
  return tokenDialog.open || (document.documentElement.dataset.token === "needed" && !hasToken());
}

/** Whether a dialog is open: then keys are meant for it. */
export function isAsking() {
  return document.querySelector("dialog[open]") !== null;
}
