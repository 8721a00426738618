// Kinds of columns. Each has a heading and the content of an item's cell. Optional: `sort`, the API's
// name of its order, and `room`, the smallest window that shows it unless the table is sorted by it: `some` or
// `much`.

import { escaped, make, setAmount, setText, setTone } from "./dom.js";
import { bytes } from "./units.js";

/** A text; `toneOf` returns the colour of an item's text. */
export function text(head, read, { toneOf, ...more } = {}) {
  const fill = (cell, item) => {
    setText(cell, read(item));
    setTone(cell, toneOf?.(item));
  };
  return { head, fill, ...more };
}

/** An address, which is never cut: it goes on in the next line. */
export function address(head, read, more) {
  return { ...text(head, read, more), address: true };
}

/** A text aligned like a number. */
export function figure(head, read, more) {
  return { ...text(head, read, more), number: true };
}

/** A count; `isBad` returns whether an item's count is red. */
export function count(head, read, { isBad, show = String, ...more } = {}) {
  const fill = (cell, item) => {
    setAmount(cell, show(read(item), item), read(item));
    setTone(cell, isBad?.(item) ? "bad" : undefined);
  };
  return { head, fill, number: true, ...more };
}

/** A number of bytes. */
export function size(head, read, more) {
  return count(head, read, { show: bytes, ...more });
}

/** A button with this text, which calls `act` with the row's item. */
export function button(head, read, act, { nameOf, toneOf, ...more } = {}) {
  const fill = (cell, item) => {
    const shown = cell.firstChild ?? newButton(cell, act);
    const label = read(item);
    setText(shown, label ?? "");
    shown.hidden = label === undefined;
    setTone(shown, toneOf?.(item));
    if (nameOf) shown.ariaLabel = escaped(`${label} ${nameOf(item)}`);
  };
  return { head, fill, ...more };
}

function newButton(cell, act) {
  const made = make("button", { type: "button" });
  made.addEventListener("click", () => act(cell.parentElement.item));
  cell.append(made);
  return made;
}
