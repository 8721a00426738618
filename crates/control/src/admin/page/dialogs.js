// Dialogs that confirm an action or ask for the token. Escape cancels an action.

import { hasToken, isToken, keepToken } from "./api.js";
import { byId, setText } from "./dom.js";

// In milliseconds. Buttons are disabled for this time, so that the second click of a double click, or
// a key meant for another window, does not confirm.
const READABLE = 400;

const confirmDialog = byId("confirm-dialog");
const yesButton = byId("confirm-yes");
let readable;

/** Asks the user to confirm an action. Resolves to whether it was confirmed. */
export function confirm(title, text, yes) {
  setText(byId("confirm-title"), title);
  setText(byId("confirm-text"), text);
  setText(yesButton, yes);
  const dialog = confirmDialog;
  dialog.returnValue = "";
  yesButton.disabled = true;
  dialog.showModal();
  clearTimeout(readable);
  readable = setTimeout(() => (yesButton.disabled = false), READABLE);
  return new Promise((resolve) => {
    const closed = () => resolve(dialog.returnValue === "yes");
    dialog.addEventListener("close", closed, { once: true });
  });
}

// Typed or pasted text was meant for another window: it cancels.
document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, altKey, metaKey } = event;
  const isText = key.length === 1 && key !== " " && !ctrlKey && !altKey && !metaKey;
  if (!confirmDialog.open || !isText) return;
  confirmDialog.close();
  // The key has no other effect, such as opening the dialog again.
  event.stopImmediatePropagation();
});
document.addEventListener("paste", () => confirmDialog.close());

const tokenDialog = byId("token-dialog");

/** Asks for the token, and calls `given` once there is one. A stored token was refused. */
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

// The page has no data without the token.
tokenDialog.addEventListener("cancel", (event) => event.preventDefault());

/** Whether a token is needed and none is stored. */
export function isLocked() {
  return tokenDialog.open || (document.documentElement.dataset.token === "needed" && !hasToken());
}

/** Whether a dialog is open, which then gets the keys. */
export function isAsking() {
  return document.querySelector("dialog[open]") !== null;
}
