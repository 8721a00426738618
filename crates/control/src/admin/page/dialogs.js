// Questions to whoever sits in front of the page. Escape says no to each of them.

import { hasToken, isToken, keepToken } from "./api.js";
import { byId, setText } from "./dom.js";

// In milliseconds. A question cannot be answered sooner: the second click of a double click, or a key
// meant for another window, is no answer.
const READABLE = 400;

const confirmDialog = byId("confirm-dialog");
const yesButton = byId("confirm-yes");
let readable;

/** Asks whether to do something. */
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

// Only the buttons answer: typed or pasted text was meant for another window.
document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, altKey, metaKey } = event;
  const isText = key.length === 1 && key !== " " && !ctrlKey && !altKey && !metaKey;
  if (!confirmDialog.open || !isText) return;
  confirmDialog.close();
  // It does nothing else, such as asking again.
  event.stopImmediatePropagation();
});
document.addEventListener("paste", () => confirmDialog.close());

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
