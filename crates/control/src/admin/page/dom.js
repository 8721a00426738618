// Creates and changes elements. Text is never parsed as markup.

/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}

// Control characters, and invisible ones that reorder or hide their surroundings: those that the commands
// escape. A line break is only a space here.
const UNSAFE = new RegExp(
  "[\\0-\\x09\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f" +
    "\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]",
  "gu",
);

/** A text of foreign origin as the commands show it: `\\u{202e}` for a character that turns the text. */
export function escaped(text) {
  return text.replace(UNSAFE, (c) => (c === "\t" ? " " : `\\u{${c.codePointAt(0).toString(16)}}`));
}

/** Creates an element with properties, including `aria` and `data`, and children. */
export function make(tag, { aria = {}, data = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.entries(aria).forEach(([name, value]) => element.setAttribute(`aria-${name}`, value));
  Object.assign(element.dataset, data);
  element.append(...children.map((child) => (typeof child === "string" ? escaped(child) : child)));
  return element;
}

/** Sets a text. An equal text is not drawn again. */
export function setText(element, text) {
  const safe = escaped(text);
  if (element.textContent !== safe) element.textContent = safe;
}

/** Shows a rounded number, with the exact one as tooltip. */
export function setAmount(element, text, exact) {
  setText(element, text);
  element.dataset.value = exact;
  element.title = `${exact}`;
}

/** Sets a colour of the commands: `good`, `notable`, `bad`, or none. */
export function setTone(element, tone) {
  if ((element.dataset.tone ?? "") === (tone ?? "")) return;
  if (tone) element.dataset.tone = tone;
  else delete element.dataset.tone;
}

/** Fills a definition list with names and texts. */
export function facts(list, pairs) {
  list.replaceChildren(
    ...pairs.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))),
  );
}
