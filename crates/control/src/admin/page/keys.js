// Keyboard shortcuts. Each function can also be reached by Tab.

import { isAsking } from "./dialogs.js";
import { byId, facts } from "./dom.js";

const HELP = [
  ["1 2 3 4", "Forwards, sessions, ended sessions, events"],
  ["/", "Filter"],
  ["Up Down", "Previous row, next row"],
  ["Enter", "Details of the row"],
  ["c", "Chart of the row's forward; again: of all forwards"],
  ["s", "Sessions of the row's forward"],
  ["d", "Drain or resume the row's forward"],
  ["k", "Kill the row's session"],
  ["p n", "Previous page, next page"],
  ["t", "Theme: auto, dark, light"],
  ["?", "These keys"],
  ["Esc", "Leave a dialog or a filter"],
];

/** Calls the action of a key, unless the key is meant for a field or a dialog. */
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    const { key, target, ctrlKey, altKey, metaKey } = event;
    if (ctrlKey || altKey || metaKey || isAsking()) return;
    if (target.matches("input, select")) {
      if (key !== "Escape") return;
      // By default, browsers also clear the field.
      event.preventDefault();
      target.blur();
      return;
    }
    const action = actions[key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

export function showHelp() {
  const dialog = byId("help-dialog");
  facts(dialog.querySelector(".facts"), HELP);
  dialog.showModal();
}
